// For a form on another site: <form data-letterbox action="https://…/contact" …> plus this script.
// Without the script the form works all the same; with it, the visitor stays on the page and sees the journey there.
"use strict";
for (const form of document.querySelectorAll("form[data-letterbox]")) {
  const token = document.createElement("input");
  token.type = "hidden";
  token.name = "token";
  token.value = crypto.randomUUID();
  form.prepend(token);
  const told = document.createElement("div");
  told.setAttribute("role", "status");
  form.after(told);

  const say = (lines) => {
    told.replaceChildren(...lines.map((line) => Object.assign(document.createElement("p"), { textContent: line })));
  };
  const words = {
    "submission.created": "We have your message.",
    "submission.stored": "It is in our records.",
    "document.extracted": "A file was read.",
    "document.failed": "A file could not be read.",
    "document.indexed": "It can be found by searching.",
    "notification.sent": "A mail went out.",
    "notification.failed": "A mail could not be sent.",
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("[type=submit], button");
    if (button) button.disabled = true;
    say(["Sending …"]);
    try {
      const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { Accept: "application/json" } });
      const body = await answer.json();
      if (!answer.ok) {
        say([body.title, ...(body.errors || []).map((error) => error.message)]);
        if (button) button.disabled = false;
        return;
      }
      const lines = [];
      const source = new EventSource(body.events_url);
      source.onmessage = (message) => {
        const step = JSON.parse(message.data);
        const text = (words[step.type] || "") + (step.reason ? ` ${step.reason}` : "");
        if (text && !lines.includes(text)) lines.push(text);
        say(lines);
      };
      source.addEventListener("end", () => source.close());
    } catch {
      say(["The message could not be sent. Please try again."]);
      if (button) button.disabled = false;
    }
  });
}
