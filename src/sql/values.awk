# Inserts data files into the parts that name them. The line
#   --@ values FILE COLUMN...
# is replaced by the rows of a VALUES list, read from FILE in the folder of the
# part. Each paragraph of the file is a row, and each line "COLUMN: text" a column.
# A line that begins with a space continues the line before, and a line that
# begins with # is a comment. A column that is missing in a row is NULL.
#   awk -v copy=1 -f values.awk PARTS...               prints the parts
#   awk -f values.awk -f upgrade.awk PARTS... UPGRADE  hands them to upgrade.awk

function fail(message) {
	print file ":" line ": " message > "/dev/stderr"
	failed = 1
	exit 1
}

function quoted(text) {
	gsub(/'/, "''", text)
	return "'" text "'"
}

# Ends the current row and returns it; returns an empty string if there is none.
function end_row(columns,    i, row) {
	if (column == "")
		return ""
	for (i = 4; i <= columns; i++)
		row = row (i == 4 ? "" : ", ") ($i in value ? quoted(value[$i]) : "NULL")
	split("", value)
	column = ""
	return (rows++ ? ",\n" : "") "    (" row ")"
}

function values(    columns, data, i, is_column, status) {
	file = FILENAME
	sub(/[^\/]*$/, $3, file)
	columns = NF
	line = rows = 0
	for (i = 4; i <= columns; i++)
		is_column[$i]
	while ((status = (getline data < file)) > 0) {
		line++
		if (data ~ /^#/)
			continue
		if (data ~ /^ *$/)
			list = list end_row(columns)
		else if (data ~ /^ /) {
			if (column == "")
				fail("nothing to continue")
			sub(/^ +/, "", data)
			value[column] = value[column] " " data
		} else {
			column = data
			sub(/:.*/, "", column)
			if (!(column in is_column) || (column in value) || !sub(/^[^:]*: /, "", data))
				fail("unknown or repeated column, or no text: " data)
			value[column] = data
		}
	}
	if (status < 0 || rows + (column != "") == 0)
		fail("no rows")
	list = list end_row(columns)
	close(file)
	return list
}

/^--@ values / {
	list = ""
	$0 = values()
}

copy { print }

END { if (failed) exit 1 }
