# read_odbc.py CONNECTION VIEW...: what ODBC makes of every column of these
# views, in the text form of COPY, and what the catalog functions say of it; see
# test/t/095_clients.pl. Times are in the session's time zone, which is to be UTC.
import sys

import pyodbc

from copied import copied

CLASSES = {"bool": "boolean", "int": "number", "Decimal": "number", "str": "text", "date": "date", "datetime": "timestamp"}

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
        print(copied(row))
