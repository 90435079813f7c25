/*
 * DROP EXTENSION posture needs CASCADE while its tables hold data. The C side is
 * src/drop.c.
 */

CREATE FUNCTION posture_internal.check_drop() RETURNS event_trigger
    AS 'MODULE_PATHNAME', 'posture_check_drop' LANGUAGE C;
COMMENT ON FUNCTION posture_internal.check_drop() IS
    'raises an error for DROP EXTENSION posture without CASCADE if its tables hold data';
REVOKE EXECUTE ON FUNCTION posture_internal.check_drop() FROM PUBLIC;

CREATE EVENT TRIGGER posture_check_drop ON ddl_command_start WHEN TAG IN ('DROP EXTENSION')
    EXECUTE FUNCTION check_drop();
COMMENT ON EVENT TRIGGER posture_check_drop IS
    'keeps DROP EXTENSION posture without CASCADE from dropping data';
