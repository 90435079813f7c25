// serve.js: serves a folder on loopback, to this machine's users alone.
import {createServer} from "node:http";
import sirv from "sirv";

const [folder, port] = process.argv.slice(2);
// the browser itself keeps to this server, whatever a page would load
const policy = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; " +
  "img-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'";
// dev: looks at the folder at each request, so that a rebuild shows
const files = sirv(folder, {dev: true, etag: true, setHeaders: (response) => {
  response.setHeader("Content-Security-Policy", policy);
  response.setHeader("X-Content-Type-Options", "nosniff");
  response.setHeader("Referrer-Policy", "no-referrer");
}});

const server = createServer((request, response) => {
  // a foreign site whose name was made to point here must not read along
  if (!/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(request.headers.host ?? "")) {
    response.writeHead(403).end("this server answers to 127.0.0.1 and localhost\n");
    return;
  }
  files(request, response, () => response.writeHead(404, {"Content-Type": "text/plain"}).end("no such page\n"));
});
server.on("error", (error) => {
  console.error(`posture: ${error.code === "EADDRINUSE" ? `port ${port} is taken: choose another with DASHBOARD_PORT` : error.message}`);
  process.exit(1);
});
server.listen(Number(port), "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/ (Ctrl-C ends it)`));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(0));
