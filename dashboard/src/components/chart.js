// chart.js: scores over days, and counts. Scores always run from 0 to 100.
import * as Plot from "@observablehq/plot";
import {resize} from "observablehq:stdlib";
import {html, svg} from "htl";
import * as f from "./format.js";

// Told apart by dashes and by colour; the first is one's own.
const lines = [["var(--own)", null], ["var(--other-1)", "6 3"], ["var(--other-2)", "2 3"], ["var(--other-3)", "9 3 2 3"]];
const style = (i) => lines[i === 0 ? 0 : 1 + ((i - 1) % (lines.length - 1))];

const swatch = (color, dash, width = 2) => svg`<svg width="28" height="10" aria-hidden="true"><line x1="0" x2="28" y1="5" y2="5" stroke=${color} stroke-width=${width} stroke-dasharray=${dash}></line></svg>`;

// One picture with one label. Its groups have labels too, which are allowed
// only on what has a role.
function readable(chart) {
  chart.setAttribute("role", "img");
  for (const group of chart.querySelectorAll("g[aria-label]")) group.setAttribute("role", "group");
  return chart;
}

// series: [{name, rows: [{day, score}]}], the first one's own; events: drops of it.
export function scoreChart(label, series, {target = null, events = []} = {}) {
  const dated = series.map((s) => ({...s, rows: s.rows.map((r) => ({...r, date: f.moment(r.day), name: s.name}))}));
  const all = dated.flatMap((s) => s.rows);
  const known = all.filter((r) => r.score != null);
  const days = [...new Set(all.map((r) => +r.date))].sort((a, b) => a - b);
  const drops = events.filter((e) => days.includes(+f.moment(e.day))).map((e) => ({...e, date: f.moment(e.day)}));
  const own = dated[0].rows.filter((r) => r.score != null);
  const says = own.length === 0 ? `${label}: no data` : `${label}: from ${f.score(own[0].score)} on ${f.day(own[0].day)} to ${
    f.score(own[own.length - 1].score)} on ${f.day(own[own.length - 1].day)}`;
  const draw = (width) => {
    const chart = Plot.plot({
      width, height: width < 500 ? 230 : 330, marginLeft: 44, marginBottom: 42, marginRight: 16, marginTop: 26,
      ariaLabel: says,
      style: {fontSize: "12px", background: "none"},
      x: {type: "utc", label: "Day", labelAnchor: "center", labelArrow: "none", labelOffset: 36, insetLeft: 6, insetRight: 6,
        ...(days.length <= 6 ? {ticks: days.map((d) => new Date(d)), tickFormat: f.dayShort} : {ticks: Math.max(2, Math.floor(width / 90)), tickFormat: f.dayShort})},
      y: {domain: [0, 100], label: "Score (0 to 100)", labelArrow: "none", grid: true, ticks: [0, 20, 40, 60, 80, 100]},
      marks: [
        Plot.ruleY([0], {stroke: "var(--axis)"}),
        target == null ? null : Plot.ruleY([target], {stroke: "var(--target)", strokeDasharray: "4 3", strokeWidth: 1.5}),
        dated.map((s, i) => [
          Plot.lineY(s.rows, {x: "date", y: "score", stroke: style(i)[0], strokeWidth: i ? 1.75 : 2.25, strokeDasharray: style(i)[1]}),
          s.rows.length <= 2 ? Plot.dot(s.rows, {x: "date", y: "score", fill: style(i)[0], r: 3}) : null
        ]),
        Plot.dot(drops, {x: "date", y: "score", symbol: "triangle", rotate: 180, r: 5, fill: "var(--drop)", stroke: "var(--theme-background-alt)"}),
        Plot.tip(known, Plot.pointer({x: "date", y: "score", fontSize: 12, title: (d) => [`${d.name}`, `${f.day(d.day)}${d.so_far ? ", so far" : ""}: ${f.score(d.score)}`,
          ...drops.filter((e) => d.name === dated[0].name && +e.date === +d.date).map((e) => `dropped by ${f.points(e.drop)} points`)].join("\n")}))
      ]
    });
    return readable(chart);
  };
  return html`<figure class="chart"><div class="legend">${dated.map((s, i) => html`<span>${swatch(...style(i))} ${s.name}</span>`)}${
    target == null ? null : html`<span>${swatch("var(--target)", "4 3", 1.5)} target ${f.score(target)}</span>`}${
    drops.length ? html`<span><span class="worse">▼</span> drop</span>` : null}</div>${resize(draw)}</figure>`;
}

// The score after each step of a plan.
export function climbChart(label, start, steps, target) {
  const rows = [{rank: 0, score: start, title: "now"}, ...steps];
  const draw = (width) => {
    const chart = Plot.plot({
      width, height: 220, marginLeft: 44, marginBottom: 42, marginRight: 16, marginTop: 26, ariaLabel: label,
      style: {fontSize: "12px", background: "none"},
      x: {domain: [0, rows.length - 1], label: "Steps done", labelAnchor: "center", labelArrow: "none", labelOffset: 36, ticks: Math.min(rows.length - 1, Math.floor(width / 40)),
        tickFormat: (d) => (Number.isInteger(d) ? String(d) : ""), insetLeft: 6, insetRight: 6},
      y: {domain: [0, 100], label: "Score (0 to 100)", labelArrow: "none", grid: true, ticks: [0, 20, 40, 60, 80, 100]},
      marks: [
        Plot.ruleY([0], {stroke: "var(--axis)"}),
        target == null ? null : Plot.ruleY([target], {stroke: "var(--target)", strokeDasharray: "4 3", strokeWidth: 1.5}),
        Plot.lineY(rows, {x: "rank", y: "score", curve: "step-after", stroke: "var(--own)", strokeWidth: 2.25}),
        Plot.dot(rows, {x: "rank", y: "score", fill: "var(--own)", r: 3}),
        Plot.tip(rows, Plot.pointer({x: "rank", y: "score", fontSize: 12, title: (d) => `${d.rank ? `${d.rank}. ` : ""}${d.title}\nscore then: ${f.score(d.score)}`}))
      ]
    });
    return readable(chart);
  };
  return html`<figure class="chart"><div class="legend"><span>${swatch("var(--own)", null)} score after each step</span>${
    target == null ? null : html`<span>${swatch("var(--target)", "4 3", 1.5)} target ${f.score(target)}</span>`}</div>${resize(draw)}</figure>`;
}

// How many assets of each criticality.
export function criticalityChart(label, counts) {
  const order = ["critical", "high", "medium", "low"];
  const rows = order.map((criticality) => ({criticality, assets: counts.find((c) => c.criticality === criticality)?.assets ?? 0}));
  const most = Math.max(...rows.map((r) => r.assets));
  const draw = (width) => {
    const chart = Plot.plot({
      width, height: 190, marginLeft: 84, marginBottom: 42, marginRight: 44, marginTop: 8,
      ariaLabel: `${label}: ${rows.map((r) => `${r.criticality} ${r.assets}`).join(", ")}`,
      style: {fontSize: "12px", background: "none"},
      x: {domain: [0, Math.max(most, 1)], label: "Exposed assets", labelAnchor: "center", labelArrow: "none", labelOffset: 36, grid: true,
        ticks: Math.min(most, 5) || 1, tickFormat: (d) => (Number.isInteger(d) ? f.count(d) : "")},
      y: {domain: order, label: "Criticality", labelAnchor: "center", labelArrow: "none", tickSize: 0},
      marks: [
        Plot.barX(rows, {x: "assets", y: "criticality", fill: "var(--own)", insetTop: 4, insetBottom: 4}),
        Plot.text(rows, {x: "assets", y: "criticality", text: (d) => f.count(d.assets), textAnchor: "start", dx: 5, fill: "currentColor"}),
        Plot.ruleX([0], {stroke: "var(--axis)"})
      ]
    });
    return readable(chart);
  };
  return html`<figure class="chart">${resize(draw)}</figure>`;
}
