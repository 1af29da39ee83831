// Sends tables, images and spectra to programs on the reader's own machine: the web profile of SAMP 1.3 (section 5).
// Nothing is asked of the hub before a click; without a hub the address can be copied.

import { fill, gettext, ngettext } from "./words.js";

const HUBS = ["http://localhost:21012/", "http://127.0.0.1:21012/"];
const NOBODY = {
  "table.load.votable": gettext("no program that takes tables is connected to the hub"),
  "image.load.fits": gettext("no program that takes images is connected to the hub"),
  "spectrum.load.ssa-generic": gettext("no program that takes spectra is connected to the hub"),
};

function write(value) {
  if (typeof value === "string") {
    const text = document.createElement("i");
    text.textContent = value;
    return `<value><string>${text.innerHTML}</string></value>`;
  }
  const members = Object.entries(value).map(([name, member]) => `<member><name>${name}</name>${write(member)}</member>`);
  return `<value><struct>${members.join("")}</struct></value>`;
}

function read(value) {
  const kind = value.firstElementChild;
  switch (kind?.tagName) {
    case "struct":
      return Object.fromEntries([...kind.children].map((member) => [member.querySelector("name").textContent, read(member.querySelector(":scope > value"))]));
    case "array":
      return [...kind.querySelectorAll(":scope > data > value")].map(read);
    default:
      return (kind ?? value).textContent;
  }
}

async function call(hub, method, ...values) {
  const params = values.map((value) => `<param>${write(value)}</param>`).join("");
  const body = `<?xml version="1.0"?><methodCall><methodName>samp.webhub.${method}</methodName><params>${params}</params></methodCall>`;
  const response = await fetch(hub, { method: "POST", headers: { "Content-Type": "text/xml" }, body });
  const reply = new DOMParser().parseFromString(await response.text(), "text/xml");
  const fault = reply.querySelector("fault > value");
  if (fault || !reply.querySelector("methodResponse")) {
    throw new Error(fault ? read(fault).faultString : gettext("the hub does not answer in XML-RPC"));
  }
  const value = reply.querySelector("params > param > value");
  return value ? read(value) : null;
}

async function register() {
  for (const hub of HUBS) {
    let reply = null;
    try {
      reply = await call(hub, "register", { "samp.name": "Archipelago" });
    } catch (error) {
      if (error instanceof TypeError) {
        continue;  // nothing listens there
      }
      throw new Error(fill(gettext("the hub refused: %(reason)s"), { reason: error.message }));
    }
    return { hub, key: reply["samp.private-key"] };
  }
  throw new Error(gettext("no SAMP hub answers on this computer: start TOPCAT, Aladin or DS9 first"));
}

export async function send(mtype, url, name) {
  const { hub, key } = await register();
  try {
    await call(hub, "declareMetadata", key, { "samp.name": "Archipelago", "samp.description.text": gettext("INTEGRAL legacy archive") });
    const message = mtype === "spectrum.load.ssa-generic"
      ? { url, name, "spectrum-id": url, meta: { "Access.Reference": url, "Access.Format": "application/fits", Title: name } }
      : { url, name, [mtype.startsWith("image") ? "image-id" : "table-id"]: url };
    const receivers = await call(hub, "notifyAll", key, { "samp.mtype": mtype, "samp.params": message });
    if (!receivers.length) {
      throw new Error(NOBODY[mtype]);
    }
    return receivers.length;
  } finally {
    await call(hub, "unregister", key).catch(() => null);  // a hub that is gone has forgotten us anyway
  }
}

function noteOf(button) {
  if (!button.nextElementSibling?.matches(".samp-note")) {
    const note = document.createElement("span");
    note.className = "samp-note small";
    note.setAttribute("role", "status");
    button.after(note);
  }
  return button.nextElementSibling;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-samp]");
  if (!button) {
    return;
  }
  const { samp, url, name } = button.dataset;
  const address = new URL(url, location.href).href;
  const note = noteOf(button);
  button.disabled = true;
  note.textContent = gettext("Asking the hub; it may ask you to allow this page…");
  try {
    const count = await send(samp, address, name);
    note.textContent = fill(ngettext("Sent to %(count)s program.", "Sent to %(count)s programs.", count), { count });
  } catch (error) {
    const box = document.createElement("input");
    Object.assign(box, { type: "text", readOnly: true, value: address, className: "samp-address" });
    box.setAttribute("aria-label", gettext("Address to load by hand"));
    note.replaceChildren(fill(gettext("Not sent: %(reason)s. Or load this address: "), { reason: error.message }), box);
    box.select();
  } finally {
    button.disabled = false;
  }
});

for (const button of document.querySelectorAll("[data-samp][data-url]")) {
  button.hidden = false;
}
