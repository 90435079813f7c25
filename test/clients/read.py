# read.py [--binary] VIEW...: what psycopg makes of every column of these views, in the
# text form of COPY; see test/t/095_clients.pl. The connection is libpq's environment.
import datetime
import decimal
import sys

import psycopg

from copied import copied

# what each type is to come out as
CLASSES = {"bool": ("boolean", bool), "int4": ("number", int), "int8": ("number", int), "numeric": ("number", decimal.Decimal),
           "text": ("text", str), "date": ("date", datetime.date), "timestamptz": ("timestamp", datetime.datetime), "numeric[]": ("array", list), "text[]": ("array", list), "int4[]": ("array", list)}

with psycopg.connect("") as connection:
    views = sys.argv[1:]
    binary = views[0] == "--binary"
    for view in views[binary:]:
        cursor = connection.execute(f"SELECT * FROM {view}", binary=binary)
        rows = cursor.fetchall()
        print("view", view, sep="\t")
        for n, column in enumerate(cursor.description):
            info = psycopg.adapters.types.get(column.type_code)
            name = "unknown" if info is None else info.name + ("[]" if column.type_code == info.array_oid else "")
            kind, kind_class = CLASSES.get(name, (name, None))
            others = {type(row[n]).__name__ for row in rows if row[n] is not None and type(row[n]) is not kind_class}
            print("column", column.name, ",".join([kind, *others]), sep="\t")
        for row in rows:
            print(copied(row))
