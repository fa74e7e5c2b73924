// The demo's ERP: who works here, and the chat beside the orders.

const user = document.querySelector("#user");
const people = document.querySelector("#switch");
const chat = document.querySelector("#chat");
const fold = document.querySelector("#fold");
const filter = document.querySelector("#filter");
const unread = document.querySelector("#unread");
const toast = document.querySelector("#toast");
const checkup = document.querySelector("#checkup");

let toasting;

async function me(email) {
  const answer = await fetch("/erp/me", email && {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ email }),
  });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

// Everything the chat needs: who it is for, and how that person signs in.
function show(now) {
  user.textContent = now.user.name;
  people.replaceChildren(...now.people.map(({ name, email }) => new Option(name, email)));
  people.value = now.user.email;
  people.disabled = false;
  chat.setAttribute("server", now.chat);
  chat.setAttribute("subject", now.subject);
  chat.credentials = async () => (await fetch("/erp/assertion", { method: "POST" })).json(); // {token}, good once
}

people.addEventListener("change", async () => {
  people.disabled = true;
  try {
    show(await me(people.value));
  } catch {
    location.reload(); // the page shows who is signed in, whoever that is by now
  }
});

fold.addEventListener("click", () => {
  const open = fold.getAttribute("aria-expanded") === "true";
  fold.setAttribute("aria-expanded", String(!open));
});

// What is unread shows on the panel's title, also while it is folded.
chat.addEventListener("unread", ({ detail: { messages, mentions } }) => {
  unread.textContent = mentions || messages;
  unread.hidden = !messages && !mentions;
  unread.title = `${messages} unread, ${mentions} for you`;
  unread.classList.toggle("mine", mentions > 0);
});

// What Mattermost cannot show from within a frame: a line on the page, or a
// notification of the system where the person allowed that and looks elsewhere.
chat.addEventListener("notification", ({ detail: { id, target, sender, channel, text, direct } }) => {
  const title = direct ? sender : `${sender} in ${channel}`;
  const show = () => {
    toast.hidden = true;
    fold.setAttribute("aria-expanded", "true");
    chat.open?.(target); // not before the element is there
  };
  if (document.hidden && globalThis.Notification?.permission === "granted") {
    const notice = new Notification(title, { body: text, tag: id });
    notice.onclick = () => (focus(), show());
    return;
  }
  toast.querySelector("b").textContent = title;
  toast.querySelector("span").textContent = text || "sent a file";
  toast.querySelector("button").onclick = show;
  toast.hidden = false;
  clearTimeout(toasting);
  toasting = setTimeout(() => (toast.hidden = true), 8000);
});

// An order's number leads to the channel where orders are talked about.
for (const order of document.querySelectorAll("tbody th")) {
  const ask = Object.assign(document.createElement("button"), { type: "button", textContent: order.textContent, title: "Message about this order" });
  ask.addEventListener("click", () => {
    fold.setAttribute("aria-expanded", "true");
    chat.open?.("orders");
  });
  order.replaceChildren(ask);
}

document.querySelector("#doctor").addEventListener("click", () => {
  checkup.querySelector("iframe").src = `${chat.getAttribute("server")}/embed-doctor`;
  checkup.showModal();
});

document.querySelector("#close").addEventListener("click", () => checkup.close());

filter.addEventListener("input", () => {
  const wanted = filter.value.trim().toLowerCase();
  const rows = [...document.querySelectorAll("tbody tr")];
  for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  document.querySelector("#none").hidden = rows.some((row) => !row.hidden);
});

const now = await me();
show(now);
import(`${now.chat}/widget/v1/matterpass.js`).catch(() => {
  chat.textContent = "Chat cannot be loaded right now. Orders work as always; reload the page later.";
});
