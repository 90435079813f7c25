# read_odbc.py CONNECTION VIEW...: what ODBC makes of every column of these
# views, in the text form of COPY, and what the catalog functions say of it; see
# test/t/095_clients.pl. Times are in the session's time zone, which is to be UTC.
import datetime
import sys

import pyodbc

CLASSES = {"bool": "boolean", "int": "number", "Decimal": "number", "str": "text", "date": "date", "datetime": "timestamp"}
EPOCH = datetime.datetime(1970, 1, 1)


def written(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime.datetime):
        return str((value - EPOCH) // datetime.timedelta(microseconds=1))
    if hasattr(value, "as_tuple"):
        return format(value, "f")
    return str(value)


def copied(value):
    if value is None:
        return r"\N"
    return written(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


connection = pyodbc.connect(sys.argv[1])
cursor = connection.cursor()
for view in sys.argv[2:]:
    listed = {row.column_name: row.data_type for row in cursor.columns(schema=view.split(".")[0], table=view.split(".")[1])}
    cursor.execute(f"SELECT * FROM {view}")
    rows = cursor.fetchall()
    print("view", view, sep="\t")
    for column in cursor.description:
        kind = CLASSES.get(column[1].__name__, column[1].__name__)
        # the same as a list of columns has it, which BI tools go by
        known = pyodbc.SQL_UNKNOWN_TYPE != listed.get(column[0], pyodbc.SQL_UNKNOWN_TYPE)
        print("column", column[0], kind if known else "unlisted", sep="\t")
    for row in rows:
        print("\t".join(copied(value) for value in row))
