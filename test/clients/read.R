# read.R VIEW...: what RPostgreSQL makes of every column of these views, in the
# text form of COPY; see test/t/095_clients.pl. Numbers are double precision, so
# they are written with six decimals at most; an array is text.
suppressMessages(library(RPostgreSQL))
options(warn = 1, scipen = 100, digits = 15)
connection <- dbConnect(PostgreSQL(), host = Sys.getenv("PGHOST"), port = Sys.getenv("PGPORT"),
                        dbname = Sys.getenv("PGDATABASE"), user = Sys.getenv("PGUSER"))
invisible(dbGetQuery(connection, "SET client_encoding = 'UTF8'"))

kind <- function(values) switch(class(values)[1], character = "text", logical = "boolean", integer = "number", numeric = "number",
                                Date = "date", POSIXct = "timestamp", class(values)[1])
copied <- function(values) {
    text <- switch(kind(values),
                   boolean = tolower(as.character(values)),
                   number = sub("\\.$", "", sub("0+$", "", sprintf("%.6f", values))),
                   timestamp = sprintf("%.0f", round(as.numeric(values) * 1e6)),
                   as.character(values))
    text <- gsub("\\", "\\\\", enc2utf8(text), fixed = TRUE)
    text <- gsub("\t", "\\t", gsub("\n", "\\n", gsub("\r", "\\r", text, fixed = TRUE), fixed = TRUE), fixed = TRUE)
    ifelse(is.na(values), "\\N", text)
}

for (view in commandArgs(trailingOnly = TRUE)) {
    rows <- dbGetQuery(connection, sprintf("SELECT * FROM %s", view))
    writeLines(paste0("view\t", view))
    writeLines(sprintf("column\t%s\t%s", names(rows), vapply(rows, kind, "")))
    writeLines(do.call(paste, c(lapply(rows, copied), sep = "\t")), useBytes = TRUE)
}
invisible(dbDisconnect(connection))
