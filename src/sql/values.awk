# Fills in the data files that parts name. The line
#   --@ values FILE COLUMN...
# becomes the rows of a VALUES list, read from FILE in the folder of the part. A
# paragraph of the file is a row, and each line "COLUMN: text" a column of it;
# lines that begin with a space continue the line before, and lines that begin
# with # are comments. A column that a row does not have is NULL.
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

# Returns the row read so far, or nothing between rows.
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
