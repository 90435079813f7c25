// Read URL VIEW...: what JDBC makes of every column of these views, in the text
// form of COPY, and what the catalog methods say of it; see test/t/095_clients.pl.
// The password is in PGPASSWORD.
import java.io.PrintStream;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.sql.Array;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.JDBCType;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.time.Instant;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

public class Read {
    static final PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);

    static String kind(int type) {
        switch (type) {
            case Types.SMALLINT: case Types.INTEGER: case Types.BIGINT: case Types.NUMERIC: case Types.DOUBLE: return "number";
            case Types.VARCHAR: return "text";
            case Types.BIT: case Types.BOOLEAN: return "boolean";
            case Types.DATE: return "date";
            case Types.TIMESTAMP: case Types.TIMESTAMP_WITH_TIMEZONE: return "timestamp";
            case Types.ARRAY: return "array";
            default: return JDBCType.valueOf(type).getName();
        }
    }

    static String written(ResultSet rows, int column, String kind) throws SQLException {
        switch (kind) {
            case "date":
                LocalDate day = rows.getObject(column, LocalDate.class);
                // the older class has to agree, whatever the time zone
                return day == null ? null : day.equals(rows.getDate(column).toLocalDate()) ? day.toString() : day + " or " + rows.getDate(column);
            case "timestamp":
                OffsetDateTime at = rows.getObject(column, OffsetDateTime.class);
                if (at == null) return null;
                long micros = ChronoUnit.MICROS.between(Instant.EPOCH, at.toInstant());
                return at.toInstant().equals(rows.getTimestamp(column).toInstant()) ? Long.toString(micros) : at + " or " + rows.getTimestamp(column);
            case "boolean":
                boolean is = rows.getBoolean(column);
                return rows.wasNull() ? null : Boolean.toString(is);
            case "number":
                BigDecimal number = rows.getBigDecimal(column);
                return number == null ? null : number.toPlainString();
            case "array":
                Array array = rows.getArray(column);
                if (array == null) return null;
                List<String> elements = new ArrayList<>();
                for (Object element : (Object[]) array.getArray())
                    elements.add(element == null ? "NULL" : element instanceof BigDecimal ? ((BigDecimal) element).toPlainString() : element.toString());
                return "{" + String.join(",", elements) + "}";
            default:
                return rows.getString(column);
        }
    }

    static String copied(String value) {
        return value == null ? "\\N" : value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r");
    }

    public static void main(String[] args) throws SQLException {
        try (Connection connection = DriverManager.getConnection(args[0], "bi", System.getenv("PGPASSWORD")); Statement statement = connection.createStatement()) {
            for (int n = 1; n < args.length; n++) {
                Map<String, String> listed = new HashMap<>();
                try (ResultSet columns = connection.getMetaData().getColumns(null, args[n].split("\\.")[0], args[n].split("\\.")[1], "%")) {
                    while (columns.next())
                        listed.put(columns.getString("COLUMN_NAME"), columns.getString("REMARKS") == null ? "no comment" : kind(columns.getInt("DATA_TYPE")));
                }
                try (ResultSet rows = statement.executeQuery("SELECT * FROM " + args[n])) {
                    ResultSetMetaData meta = rows.getMetaData();
                    out.println("view\t" + args[n]);
                    String[] kinds = new String[meta.getColumnCount()];
                    for (int i = 0; i < kinds.length; i++) {
                        String name = meta.getColumnName(i + 1);
                        kinds[i] = kind(meta.getColumnType(i + 1));
                        // the same as a list of columns has it, which BI tools go by
                        out.println("column\t" + name + "\t" + (kinds[i].equals(listed.get(name)) ? kinds[i] : kinds[i] + " or " + listed.get(name)));
                    }
                    while (rows.next()) {
                        List<String> values = new ArrayList<>();
                        for (int i = 0; i < kinds.length; i++)
                            values.add(copied(written(rows, i + 1, kinds[i])));
                        out.println(String.join("\t", values));
                    }
                }
            }
        }
        out.flush();
    }
}
