// parts.js: what pages are made of. htl writes every value as text or as an
// attribute, never as markup.
import {html, svg} from "htl";
import * as f from "./format.js";

// modules are served from /_import/components/: two levels below the site
const root = new URL("../../", import.meta.url);
export const href = (path) => new URL(path, root).pathname;

export const link = (kind, slug, text) => (slug ? html`<a href=${href(`${kind}/${slug}.html`)}>${text}</a>` : html`<span>${text}</span>`);

export function page(title, subtitle, ...content) {
  document.title = `${title} | Security posture`;
  return html`<div class="page"><h1>${title}</h1>${subtitle ? html`<p class="lead">${subtitle}</p>` : null}${content.flat()}</div>`;
}

export const card = (title, ...content) => html`<section class="card">${title ? html`<h2>${title}</h2>` : null}${content.flat()}</section>`;

export const note = (...content) => html`<p class="note-line">${content}</p>`;

// What is not there yet, and what makes it be there.
export const nothing = (says, ...commands) => html`<div class="nothing"><p>${says}</p>${
  commands.map(([does, command]) => html`<p>${does}</p><pre tabindex="0">${command}</pre>`)}</div>`;

export const emptyDatabase = () => card("Nothing is assessed yet", nothing(
  "posture is installed in this database and has no initiative. Each of these makes one; then build these pages again.",
  ["Assess this PostgreSQL server itself:", "SELECT * FROM posture.assess_cluster();"],
  ["In psql, load what a product reports, here Microsoft Secure Score:", "\\set document `cat secure_scores.json`\nSELECT * FROM posture.load('graph-secure-scores', :'document');"],
  ["Start with a predefined initiative, and load findings for it:", "SELECT pack, title FROM posture.pack();\nSELECT * FROM posture.install_pack('ransomware');"]));

export const noSnapshot = () => nothing("No day has been kept yet, so there is no history.",
  ["Have each day kept by itself:", "SELECT posture.schedule();"], ["Or keep today as it stands so far:", "SELECT * FROM posture.take_snapshot();"]);

export const chip = (text, kind = "") => (text ? html`<span class=${`chip ${kind}`}>${f.words(text)}</span>` : "");

export const bigScore = (x, zone) => html`<div class="score"><span class="figure">${f.score(x)}</span>${
  x == null ? null : html`<span class="of">of 100</span>`}${zone ? chip(zone) : null}</div>`;

// The change of a score: sign, arrow and colour say the same.
export function change(x) {
  if (x == null) return html`<span class="muted nowrap">${f.noData}</span>`;
  const kind = x > 0 ? "better" : x < 0 ? "worse" : "muted";
  return html`<span class=${kind}>${x > 0 ? "▲ " : x < 0 ? "▼ " : ""}${f.change(x)}</span>`;
}

export const changed = (x, since) => html`<span>${change(x)} <span class="muted">${x == null ? since : `points ${since}`}</span></span>`;

// Where something is unassessed: the share that is assessed, and the scores that are possible.
export const coverage = (x) => (x.unassessed_assets > 0
  ? html`<div class="muted"><span class="nowrap">${f.range(x)}</span>, <span class="nowrap">coverage ${f.score(x.coverage_pct)} %</span></div>` : null);

// A score on the scale of 0 to 100, with a tick at its target, and a band of the
// scores that are possible where something is unassessed.
export function scoreBar(x, target, of = {}) {
  const band = of.unassessed_assets > 0 && of.score_low != null;
  const says = `${x == null ? "no score" : `score ${f.score(x)} of 100`}${band ? `, possible ${f.range(of)}` : ""}${
    target == null ? "" : `, target ${f.score(target)}`}`;
  return html`<div class="scorebar" role="img" aria-label=${says} title=${says}>${
    x == null ? null : html`<div class="fill" style=${{width: `${x}%`}}></div>`}${
    band ? html`<div class="band" style=${{left: `${of.score_low}%`, width: `${of.score_high - of.score_low}%`}}></div>` : null}${
    target == null ? null : html`<div class="tick" style=${{left: `${target}%`}}></div>`}</div>`;
}

// A number beside its bar, in the colour of drops where it is lost.
export function bar(x, max, text = f.points(x), lost = false) {
  if (x == null) return html`<span class="muted nowrap">${f.noData}</span>`;
  return html`<div class="bar"><span>${text}</span><div aria-hidden="true"><div class=${lost ? "lost" : ""} style=${{
    width: `${max > 0 ? Math.max((100 * Math.abs(x)) / max, x ? 1 : 0) : 0}%`}}></div></div></div>`;
}

// The last 14 days on the scale of 0 to 100; days without a score are gaps.
export function sparkline(trend, target, width = 132, height = 40) {
  const x = (i) => 3 + (i * (width - 6)) / Math.max((trend?.length ?? 0) - 1, 1);
  const y = (s) => 2 + ((100 - s) * (height - 4)) / 100;
  const known = (trend ?? []).flatMap((s, i) => (s == null ? [] : [[i, s]]));
  if (!known.length) return html`<span class="muted nowrap">${f.noData}</span>`;
  let path = "";
  known.forEach(([i, s], k) => (path += `${k && known[k - 1][0] === i - 1 ? "L" : "M"}${x(i).toFixed(1)},${y(s).toFixed(1)}h0`));
  const [, first] = known[0], [last, now] = known[known.length - 1];
  const says = known.length === 1 ? `score ${f.score(now)}, no earlier day` :
    `14 days: from ${f.score(first)} to ${f.score(now)}, lowest ${f.score(Math.min(...known.map((d) => d[1])))}, on a scale of 0 to 100`;
  return svg`<svg class="spark" role="img" aria-label=${says} viewBox=${`0 0 ${width} ${height}`} width=${width} height=${height}>
    <title>${says}</title>
    <rect x="0" y=${y(100)} width=${width} height=${y(0) - y(100)}></rect>
    ${target == null ? null : svg`<line x1="0" x2=${width} y1=${y(target)} y2=${y(target)}></line>`}
    <path d=${path}></path><circle cx=${x(last)} cy=${y(now)} r="2.5"></circle></svg>`;
}

// A table that scrolls within its card and sorts by its columns. A column:
// label, value (what it sorts by), cell (what it shows), right, title.
export function table(caption, columns, rows, {empty = "None.", foot = null} = {}) {
  if (!rows.length) return html`<p class="muted">${empty}</p>`;
  const body = html`<tbody></tbody>`;
  const heads = [];
  let order = null;
  const fill = (sorted) => body.replaceChildren(...sorted.map((row) => html`<tr>${columns.map((c) => html`<td class=${c.right ? "right" : c.wide ? "wide" : ""}>${
    c.cell ? c.cell(row) : c.value(row) ?? ""}</td>`)}</tr>`));
  const sort = (c, i) => {
    const down = order?.i === i ? !order.down : !!c.right;
    order = {i, down};
    const compare = (a, b) => (a == null || b == null ? (a == null) - (b == null)
      : (down ? -1 : 1) * (typeof a === "number" ? a - b : String(a).localeCompare(String(b), "en")));
    fill([...rows].sort((a, b) => compare(c.value(a), c.value(b))));
    heads.forEach((th, k) => (k === i ? th.setAttribute("aria-sort", down ? "descending" : "ascending") : th.removeAttribute("aria-sort")));
  };
  columns.forEach((c, i) => heads.push(html`<th scope="col" class=${c.right ? "right" : ""} title=${c.title}>${
    c.value && rows.length > 1 ? html`<button type="button" onclick=${() => sort(c, i)}>${c.label}</button>` : c.label}</th>`));
  fill(rows);
  return html`<div class="scroll" role="region" tabindex="0" aria-label=${caption}><table><caption>${caption}</caption>
    <thead><tr>${heads}</tr></thead>${body}${foot}</table></div>`;
}

// Where a recommendation is dealt with: only what a browser opens as a page.
export const manage = (url) => (/^https?:\/\//i.test(url ?? "") ? html` <a href=${url} target="_blank" rel="noopener noreferrer">open</a>` : "");

export const remediation = (r) => (r.remediation
  ? html`<details><summary>how</summary><div class="remediation">${f.plain(r.remediation, r.markup)}${manage(r.manage_url)}</div></details>`
  : html`<span class="muted">not said</span>${manage(r.manage_url)}`);

export const due = (r) => html`<span>${r.assigned_to ?? html`<span class="muted">nobody</span>`}${r.due_on ? html`, ${f.day(r.due_on)}` : ""}${
  r.assignment === "overdue" ? html` ${chip("overdue", "alert")}` : ""}</span>`;
