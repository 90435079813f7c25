# copied.py: values of Python as COPY writes them, for read.py and read_odbc.py.
import datetime
import decimal


def written(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime.datetime):
        # one without a time zone is of UTC
        epoch = datetime.datetime(1970, 1, 1, tzinfo=value.tzinfo and datetime.timezone.utc)
        return str((value - epoch) // datetime.timedelta(microseconds=1))
    if isinstance(value, list):
        return "{" + ",".join("NULL" if v is None else written(v) for v in value) + "}"
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    return str(value)


def copied(row):
    return "\t".join(r"\N" if value is None else written(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
                     for value in row)
