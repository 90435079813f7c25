# Makes an upgrade script: awk -f upgrade.awk PARTS... UPGRADE. Definitions stand
# in the parts alone, and an upgrade takes them from there:
#   --@ CREATE TABLE posture.thing     the statement that begins so
#   --@ code                           all functions and views in the place of
#                                      older ones, all comments, and who may
#                                      execute functions
#   --@ part access/row_security       the DO blocks of a part
# What those can't do, an upgrade does by hand: altering tables, dropping.
#
# An upgrade begins like the install script, with its check of a setting and its two
# statements on pg_default_acl, and the Makefile appends the end of the install script.

FILENAME != ARGV[ARGC - 1] {
	if (FILENAME ~ /\/install_end\.sql$/)
		next
	if (/^(CREATE|COMMENT|GRANT|REVOKE|ALTER|DO|INSERT|UPDATE|LOCK|SET) /) {
		first[++statements] = $0
		part[statements] = FILENAME
	}
	if (statements && !/^(--|\/\*| \*)/)
		text[statements] = text[statements] $0 "\n"
	next
}

/^--@ code$/ {
	for (i = 1; i <= statements; i++)
		if (first[i] ~ /^CREATE (FUNCTION|PROCEDURE|VIEW) /)
			printf "%s", "CREATE OR REPLACE" substr(text[i], 7)
		else if (first[i] ~ /^(COMMENT ON|(GRANT|REVOKE) EXECUTE ON) /)
			printf "%s", text[i]
	next
}

/^--@ part / {
	wanted = "/" $3 ".sql"
	found = 0
	for (i = 1; i <= statements; i++)
		if (first[i] ~ /^DO / && substr(part[i], length(part[i]) - length(wanted) + 1) == wanted) {
			printf "%s", text[i]
			found++
		}
	if (!found) {
		print FILENAME ": no DO block in a part " $3 > "/dev/stderr"
		exit 1
	}
	next
}

/^--@ / {
	wanted = substr($0, 5)
	found = 0
	for (i = 1; i <= statements; i++)
		if (index(first[i], wanted) == 1 && substr(first[i], length(wanted) + 1) !~ /^[a-z_]/) {
			printf "%s", text[i]
			found++
		}
	if (found != 1) {
		print FILENAME ": \"" wanted "\" begins " found " statements" > "/dev/stderr"
		exit 1
	}
	next
}

{ print }
