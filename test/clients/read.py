# read.py [--binary] VIEW...: what psycopg makes of every column of these views, in the
# text form of COPY; see test/t/095_clients.pl. The connection is libpq's environment.
import datetime
import decimal
import sys

import psycopg

# what each type is to come out as
CLASSES = {"bool": ("boolean", bool), "int4": ("number", int), "int8": ("number", int), "numeric": ("number", decimal.Decimal),
           "text": ("text", str), "date": ("date", datetime.date), "timestamptz": ("timestamp", datetime.datetime), "numeric[]": ("array", list), "int4[]": ("array", list)}
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def written(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime.datetime):
        return str((value - EPOCH) // datetime.timedelta(microseconds=1))
    if isinstance(value, list):
        return "{" + ",".join("NULL" if v is None else written(v) for v in value) + "}"
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    return str(value)


def copied(value):
    if value is None:
        return r"\N"
    return written(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


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
            print("\t".join(copied(value) for value in row))
