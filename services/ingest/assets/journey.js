// Follows the journey in place: each news of the event stream reloads the list, which the server renders.
"use strict";
const steps = document.getElementById("steps");
if (steps.dataset.ended === "no" && "EventSource" in window) {
  const renew = async () => {
    const page = await fetch(location.pathname, { headers: { Accept: "text/html" } });
    if (!page.ok) return;
    const fresh = new DOMParser().parseFromString(await page.text(), "text/html");
    for (const id of ["heading", "status", "steps"]) {
      document.getElementById(id).replaceWith(fresh.getElementById(id));
    }
    document.title = fresh.title;
  };
  let waiting = 0;
  const soon = () => { clearTimeout(waiting); waiting = setTimeout(renew, 50); };
  const source = new EventSource(steps.dataset.events);
  source.onmessage = soon;
  source.addEventListener("end", () => { source.close(); soon(); });
}
