// Relative times go on while a page stays open. They refer to the server's clock at the moment the
// page was made, plus the time since, so a browser whose clock is wrong still tells them rightly.
const loaded = new Map();

function anchor() {
  const made = document.querySelector("main").dataset.now;
  if (!loaded.has(made)) {
    loaded.clear();
    loaded.set(made, performance.now());
  }
  return Date.parse(made) + performance.now() - loaded.get(made);
}

export function span(milliseconds) {
  const seconds = Math.round(Math.abs(milliseconds) / 1000);
  const minutes = Math.floor(seconds / 60), hours = Math.floor(seconds / 3600), days = Math.floor(seconds / 86400);
  const thin = "\u202f";
  if (seconds < 60) return `${seconds}${thin}s`;
  if (hours < 1) return `${minutes}${thin}min`;
  if (days < 1) {
    const rest = minutes % 60;
    return `${hours}${thin}h` + (rest && hours < 6 ? ` ${rest}${thin}min` : "");
  }
  return days < 2 ? `${hours}${thin}h` : `${days} days`;
}

export function age() {
  return anchor() - Date.parse(document.querySelector("main").dataset.now);
}

export function tellTimes() {
  const now = anchor();
  for (const element of document.querySelectorAll("time[data-relative]")) {
    const length = now - Date.parse(element.dateTime);
    const text = Math.abs(length) < 5000 ? "now" : length > 0 ? `${span(length)} ago` : `in ${span(length)}`;
    if (element.textContent !== text) element.textContent = text;
  }
}

export function keepTimes() {
  anchor();
  setInterval(tellTimes, 15_000);
}
