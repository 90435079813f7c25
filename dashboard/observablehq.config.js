// What the pages are is known once the database was read: read.js comes first.
import {existsSync, readFileSync} from "node:fs";

const read = new URL("src/data/site.json", import.meta.url);
if (!existsSync(read)) throw new Error("nothing was read yet: run node read.js, or make dashboard");
const {about, initiatives, metrics} = JSON.parse(readFileSync(read, "utf8"));

// what is put into the page's HTML as it is
const escape = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

export default {
  root: "src",
  output: process.env.DASHBOARD_OUTPUT ?? "dist",
  title: "Security posture",
  style: "style.css",
  // the default is a font from a content network
  globalStylesheets: [],
  preserveExtension: true,
  preserveIndex: true,
  toc: false,
  pager: false,
  home: "Security posture",
  pages: [
    {name: "Overview", path: "/index"},
    {name: "What to fix first", path: "/fix"},
    {name: "Events", path: "/events"},
    {name: "Secure Score", path: "/secure-score"},
    ...(initiatives.length ? [{name: "Initiatives", collapsible: false, pages: initiatives.map(({name, slug}) => ({name, path: `/initiative/${slug}`}))}] : [])
  ],
  dynamicPaths: [...initiatives.map(({slug}) => `/initiative/${slug}`), ...metrics.map((slug) => `/metric/${slug}`)],
  // the Framework's page says no language, which screen readers need, and forbids to zoom
  head: `<script>
document.documentElement.lang = "en";
document.querySelector("meta[name=viewport]").content = "width=device-width, initial-scale=1";
</script>
<link rel="icon" href="data:,">`,
  // narrow screens have the sidebar folded away
  header: `<nav><a href="/index">Overview</a> <a href="/fix">Fix</a> <a href="/events">Events</a> <a href="/secure-score">Secure Score</a></nav>
<span>Database <b>${escape(about.database)}</b></span> <span>Data read ${escape(about.read_at)}</span>`,
  footer: `posture ${escape(about.version)}. Scores run from 0 to 100; higher is better. Read as role ${escape(about.role)}.`
};
