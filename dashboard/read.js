// read.js: runs every src/data/*.sql in one snapshot of the database and
// writes what the pages show to src/data/*.json. It only arranges: what is
// counted, scored or explained, posture has said.
//
// Connects by DASHBOARD_DATABASE (postgresql://...) or, as libpq does, by
// PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSWORD and ~/.pgpass.
import {mkdir, readFile, readdir, rm, writeFile} from "node:fs/promises";
import {fileURLToPath} from "node:url";
import pg from "pg";
import {pages} from "./pages.js";

const data = fileURLToPath(new URL("src/data/", import.meta.url));

// Numbers are to be numbers: the driver hands int8 and numeric over as text. A
// date stays the text that it is, because as a Date it would move with the time zone.
const number = (text) => Number(text);
const {builtins} = pg.types;
for (const type of [builtins.INT8, builtins.NUMERIC]) pg.types.setTypeParser(type, number);
pg.types.setTypeParser(1231 /* numeric[] */, (text) => text.slice(1, -1).split(",").map((s) => (s === "NULL" ? null : Number(s))));
pg.types.setTypeParser(builtins.DATE, (text) => text);
pg.types.setTypeParser(builtins.TIMESTAMPTZ, (text) => text.replace(" ", "T").replace(/[+]00$/, "Z"));

async function read(client) {
  const tables = {};
  // settings of the role must not change how values are written; the snapshot
  // is one, so that pages agree with each other
  await client.query("SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET client_min_messages = error; SET search_path = pg_catalog, pg_temp");
  await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY");
  // an owner reads no table, which some queries need to be fast
  const {rows: [{sees_all}]} = await client.query("SELECT has_table_privilege('posture_internal.finding_set', 'SELECT') AS sees_all");
  const instead = sees_all ? [] : await readdir(`${data}owner`);
  for (const file of (await readdir(data)).filter((name) => name.endsWith(".sql")).sort()) {
    const sql = await readFile(data + (instead.includes(file) ? `owner/${file}` : file), "utf8");
    const {rows} = await client.query(sql).catch((error) => {
      error.message = `${file}: ${error.message}`;
      throw error;
    });
    tables[file.slice(0, -".sql".length)] = rows;
  }
  await client.query("COMMIT");
  return tables;
}

async function write(tables) {
  for (const directory of ["initiative", "metric"]) {
    await rm(data + directory, {recursive: true, force: true});
    await mkdir(data + directory);
  }
  for (const [path, content] of pages(tables)) await writeFile(`${data}${path}.json`, JSON.stringify(content));
}

// What somebody can do about it, where the driver's word alone does not say.
function advice(error, client) {
  switch (error.code) {
    case "ENOENT":
    case "ECONNREFUSED":
      return "no server listens there";
    case "3F000":
    case "42P01":
      return `posture is not installed in database "${client.database}": CREATE EXTENSION posture;`;
    case "42501":
      return `role "${client.user}" may not read it; the role that installed posture can run: SELECT posture.grant_access(${client.escapeLiteral(client.user)}, 'reader');`;
  }
}

const connection = process.env.DASHBOARD_DATABASE;
if (connection && !/^postgres(ql)?:\/\//.test(connection)) {
  console.error("posture: DASHBOARD_DATABASE looks like postgresql://role@host:port/database");
  process.exit(1);
}
const client = new pg.Client({connectionString: connection, application_name: "posture dashboard", connectionTimeoutMillis: 15000});
try {
  await client.connect();
  const tables = await read(client);
  await write(tables);
  const [{database, role, initiatives}] = tables.about;
  console.log(`read database "${database}" as "${role}": ${initiatives} initiatives, ${new Set(tables.metric.map((m) => m.metric)).size} metrics`);
} catch (error) {
  console.error(`posture: ${error.message || error.code}`);
  const says = advice(error, client);
  if (says) console.error(`posture: ${says}`);
  process.exitCode = 1;
} finally {
  await client.end().catch(() => {});
}
