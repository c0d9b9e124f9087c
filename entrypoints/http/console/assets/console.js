// What pages do by themselves: times in the viewer's zone, copies of commands, and honesty about
// what is not up to date. Without this script every page still shows all that it has.
"use strict";

(() => {
  const moments = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

  /** Show each moment in the viewer's zone. Its title keeps it in UTC. */
  function showMoments(root) {
    for (const element of root.querySelectorAll("time[datetime]:not([data-age])")) {
      const at = new Date(element.dateTime);
      if (!Number.isNaN(at.getTime())) element.textContent = ("clock" in element.dataset ? clock : moments).format(at);
    }
  }

  const days = new Intl.DateTimeFormat(undefined, { dateStyle: "long" });

  /** Let the first message of each day in the viewer's zone have its day above it. */
  function showDays(root) {
    let previous = "";
    for (const element of root.querySelectorAll("[data-day]")) {
      const day = days.format(new Date(element.dataset.day));
      element.hidden = day === previous;
      if (element.textContent !== day) element.textContent = day;
      previous = day;
    }
  }

  /** Say why the page shows something old, or nothing if it does not. */
  function setStale(text) {
    const element = document.getElementById("stale");
    if (!element) return;
    element.hidden = text === "";
    if (element.textContent !== text) element.textContent = text;
  }

  let upToDateAt = new Date();

  function explain(status, detail) {
    const since = moments.format(upToDateAt);
    if (status === 401) return "You are signed out: nothing here is renewed. Sign in again.";
    if (status === 413) return `Nothing was sent: ${detail}.`;
    const reason = detail || "the server does not answer";
    return `Not up to date since ${since}: ${reason}. The page tries again by itself.`;
  }

  document.addEventListener("htmx:before:request", (event) => {
    const isPolling = event.detail.ctx.sourceElement?.id === "live";
    // Nobody looks: the next moment will do.
    if (isPolling && document.hidden) event.preventDefault();
  });
  document.addEventListener("htmx:after:request", (event) => {
    if (event.detail.ctx.response.status < 400) {
      upToDateAt = new Date();
      setStale("");
    }
  });
  document.addEventListener("htmx:response:error", (event) => {
    const { response, text } = event.detail.ctx;
    if (response.status >= 500 || [401, 403, 413, 421].includes(response.status)) {
      const isPlain = (response.headers.get("content-type") || "").startsWith("text/plain");
      setStale(explain(response.status, isPlain ? text : ""));
    }
  });
  document.addEventListener("htmx:error", () => setStale(explain(0, "")));
  document.addEventListener("htmx:after:swap", () => { showMoments(document); showDays(document); });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (!button) return;
    const name = button.textContent;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select and copy it";
    }
    setTimeout(() => { button.textContent = name; }, 2000);
  });

  showMoments(document);
  showDays(document);
  // On a phone the row of pages scrolls sideways, and the present one must be in view.
  const row = document.querySelector(".places"), present = row?.querySelector("[aria-current]");
  if (present) row.scrollLeft = present.offsetLeft - (row.clientWidth - present.clientWidth) / 2;
})();
