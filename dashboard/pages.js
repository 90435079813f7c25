// pages.js: from the tables that were read, the data of each page.
import {createHash} from "node:crypto";

// A key is any text; a page has a name that every file system, server and link
// takes as it is. A key that is such a name keeps it. Others get a digest after
// two hyphens, which no such name has, so that no two keys share a page.
export function slug(key) {
  if (/^[a-z0-9]+(-[a-z0-9]+)*$/.test(key) && key.length <= 80 && key !== "index") return key;
  const readable = key.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 40).replace(/-$/, "");
  return `${readable || "x"}--${createHash("sha256").update(key).digest("hex").slice(0, 16)}`;
}

function groups(rows, key) {
  const map = new Map();
  for (const row of rows) {
    const k = key(row);
    if (!map.has(k)) map.set(k, []);
    map.get(k).push(row);
  }
  return {of: (k) => map.get(k) ?? [], keys: () => [...map.keys()]};
}

export function pages(t) {
  const about = t.about[0];
  const named = new Map(t.recommendation.map((r) => [r.recommendation, r]));
  const initiatives = t.initiative.map((i) => ({...i, slug: slug(i.initiative)}));
  const byInitiative = new Map(initiatives.map((i) => [i.initiative, i]));
  const metrics = t.metric.map((m) => ({...m, slug: slug(m.metric)}));
  const byMetric = groups(metrics, (m) => m.metric);
  const metricsOf = groups(metrics, (m) => m.initiative);
  const history = groups(t.score_history, (h) => `${h.object_kind} ${h.object}`);
  // the days that are kept, and today as it stands
  const historyOf = (kind, key, now) => {
    const days = history.of(`${kind} ${key}`).filter((h) => h.day !== about.today).map(({day, score}) => ({day, score}));
    return days.length ? [...days, {day: about.today, score: now, so_far: true}] : days;
  };
  const benchmarks = groups(t.benchmark, (b) => b.initiative);
  const plans = groups(t.plan, (p) => p.initiative);
  const counts = groups(t.exposed_count, (c) => c.metric);
  const exposed = groups(t.exposed_asset, (a) => a.metric);
  const unassessed = groups(t.unassessed_asset, (a) => a.metric);
  const measured = groups(t.metric_recommendation, (b) => b.metric);
  const causes = groups(t.event_cause, (c) => c.event_id);

  const objectOf = (kind, key) => (kind === "metric" ? byMetric.of(key)[0] : byInitiative.get(key));
  const pageOf = (kind, key) => objectOf(kind, key)?.slug;
  const events = t.event.map((e) => {
    const object_kind = e.kind === "initiative_score_drop" ? "initiative" : "metric";
    const all = causes.of(e.event_id).map((c) => ({...c, metric_slug: c.metric && pageOf("metric", c.metric), initiative_slug: c.initiative && pageOf("initiative", c.initiative)}));
    return {
      ...e,
      object_kind,
      // where all is assessed, every drop is certain
      is_certain: e.is_certain && !(objectOf(object_kind, e.object)?.unassessed_assets > 0) ? null : e.is_certain,
      slug: pageOf(object_kind, e.object),
      effects: all.filter((c) => c.reason === "effect"),
      parts: all.filter((c) => c.reason !== "effect" && c.points !== null),
      details: all.filter((c) => c.reason !== "effect" && c.points === null)
    };
  });
  const eventsOf = groups(events, (e) => `${e.object_kind} ${e.object}`);
  const steps = (key) => plans.of(key).map((p) => ({...p, ...pick(named.get(p.recommendation), "severity", "remediation", "markup", "manage_url", "assigned_to", "due_on", "assignment")}));

  const out = new Map();
  out.set("site", {about, initiatives: initiatives.map(({name, slug}) => ({name, slug})), metrics: byMetric.keys().map(slug)});
  out.set("overview", {about, initiatives, status: t.status, days: t.day});
  out.set("fix", {
    about,
    plans: initiatives.map((i) => ({...pick(i, "initiative", "name", "slug", "score", "target_score", "achievable_score"), steps: steps(i.initiative)})),
    recommendations: t.recommendation.filter((r) => r.state === "non_compliant"),
    known: t.recommendation.length,
    assignments: t.assignment
  });
  out.set("events", {about, events});
  const points = groups(t.secure_score, (s) => s.initiative);
  const parts = groups(t.secure_score_part, (p) => p.initiative);
  out.set("secure-score", {
    about,
    initiatives: points.keys().filter((key) => byInitiative.has(key)).map((key) => ({
      initiative: byInitiative.get(key), days: points.of(key), benchmarks: benchmarks.of(key), parts: parts.of(key)
    }))
  });
  for (const i of initiatives) {
    const own = metricsOf.of(i.initiative);
    out.set(`initiative/${i.slug}`, {
      about,
      initiative: i,
      metrics: own,
      history: historyOf("initiative", i.initiative, i.score),
      benchmarks: benchmarks.of(i.initiative),
      events: [...eventsOf.of(`initiative ${i.initiative}`), ...own.flatMap((m) => eventsOf.of(`metric ${m.metric}`))]
        .sort((a, b) => (a.day < b.day ? 1 : a.day > b.day ? -1 : 0)),
      steps: steps(i.initiative)
    });
  }
  for (const key of byMetric.keys()) {
    const places = byMetric.of(key);
    out.set(`metric/${slug(key)}`, {
      about,
      metric: places[0],
      initiatives: places.map((m) => ({...pick(m, "weight", "score_impact"), ...pick(byInitiative.get(m.initiative), "name", "slug", "score")})),
      recommendations: measured.of(key).map((b) => named.get(b.recommendation)).filter(Boolean),
      counts: counts.of(key),
      exposed: exposed.of(key),
      unassessed: unassessed.of(key),
      history: historyOf("metric", key, places[0].score),
      events: eventsOf.of(`metric ${key}`)
    });
  }
  return out;
}

function pick(object, ...names) {
  return Object.fromEntries(names.map((name) => [name, object?.[name] ?? null]));
}
