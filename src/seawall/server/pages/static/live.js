// Keeps the page current: the server tells by server-sent events that a thing changed; the page
// then fetches itself again and takes over what differs. If the stream is lost, the page says so
// and how old it is, and tries again by itself.
import { drawCharts } from "./charts.js";
import { morph } from "./morph.js";
import { age, span, tellTimes } from "./times.js";

const WAIT = 400; // milliseconds in which several events become one fetch
const SHARE = 4; // a page that takes long to make is made less often: it rests this many times as long

export function concerns(topics, name, key) {
  return topics.some((topic) => topic === name || topic === `${name}:${key}` || (!key && topic.startsWith(`${name}:`)));
}

export function keepCurrent() {
  const main = document.querySelector("main"), live = document.getElementById("live");
  const topics = () => main.dataset.topics.split(/\s+/).filter(Boolean);
  if (!live || topics().length === 0 || !window.EventSource) return;

  let state = "still", timer = 0, fetching = false, again = false, rest = WAIT;

  function tell() {
    live.dataset.state = state;
    const text = state === "lost" ? `Connection lost; this page is ${span(age())} old` : state === "live" ? "live" : null;
    if (text && live.textContent !== text) live.textContent = text;
  }

  async function refresh() {
    if (fetching) {
      again = true;
      return;
    }
    fetching = true;
    const began = performance.now();
    try {
      const reply = await fetch(location.href, { headers: { "Seawall-Fragment": "main" }, cache: "no-store" });
      if (reply.redirected || reply.status === 401) location.reload(); // the session has ended
      if (!reply.ok) throw new Error(String(reply.status));
      const fresh = new DOMParser().parseFromString(await reply.text(), "text/html");
      for (const part of document.querySelectorAll("[data-swap]")) {
        const next = fresh.getElementById(part.id);
        if (next) morph(part, next);
      }
      drawCharts(main);
      tellTimes();
      if (state === "lost" && stream.readyState === EventSource.OPEN) state = "live";
    } catch {
      state = "lost";
    } finally {
      fetching = false;
      rest = Math.max(WAIT, SHARE * (performance.now() - began));
      tell();
      if (again) {
        again = false;
        soon();
      }
    }
  }

  function soon() {
    timer ||= setTimeout(() => {
      timer = 0;
      refresh();
    }, rest);
  }

  const stream = new EventSource(document.body.dataset.events);
  stream.addEventListener("open", () => {
    if (state === "lost") soon();
    state = "live";
    tell();
  });
  stream.addEventListener("error", () => {
    state = "lost";
    tell();
  });
  for (const name of ["model", "rollout", "incident"]) {
    stream.addEventListener(name, (event) => {
      let key = "";
      try {
        key = JSON.parse(event.data).key;
      } catch { /* an event without a key concerns all of its name */ }
      if (concerns(topics(), name, key)) soon();
    });
  }
  setInterval(tell, 5000);
  addEventListener("pagehide", () => stream.close());
}
