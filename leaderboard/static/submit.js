"use strict";
// The form of the Submit tab: what a reader chose goes to the page's own server as one archive, and its answer comes in.
(() => {
  const HEADERS = { "x-breadth": "submission", "content-type": "application/octet-stream" };
  const formOf = () => document.querySelector("[data-submission]");
  const find = (form, name) => form.querySelector(`[data-${name}]`);
  let desk = null;

  const link = (text, href) => { const made = document.createElement("a"); made.textContent = text; made.href = href; return made; };
  const back = (path) => `${path}?_target_url=${encodeURIComponent(`/${location.search}`)}`;
  // Text with what stands in backticks as code, and never as HTML.
  const words = (place, text) => place.replaceChildren(...text.split("`").map((part, at) => {
    if (at % 2 === 0) return part;
    const code = document.createElement("code");
    code.textContent = part;
    return code;
  }));

  // --- Who may submit: asked once the form is there, for it depends on who reads.
  const prepare = async () => {
    const form = formOf();
    if (!form || form.dataset.known) return;
    form.dataset.known = "asked";
    try {
      if (!desk) desk = await (await fetch("desk", { headers: { accept: "application/json" } })).json();
    } catch {
      words(find(form, "who"), "The server cannot be reached just now. Load the page again.");
      return;
    }
    const who = find(form, "who");
    if (desk.by === "name") words(who, "On this board a request is made under the name that you give.");
    else if (desk.by === "account" && desk.name) who.replaceChildren(`Signed in as ${desk.name}. `, link("Sign out", back("logout")));
    else if (desk.by === "account") who.replaceChildren(link("Sign in with Hugging Face", back("login/huggingface")), " to submit; a check needs no sign-in.");
    else words(who, `${desk.why} A check needs none of that.`);
    find(form, "author").hidden = desk.by !== "name";
    form.elements.author.value = form.elements.author.value || kept();
    form.querySelector("[value=submit]").disabled = !(desk.by === "name" || desk.name);
    form.dataset.known = "yes";
  };
  const NAME = "breadth-author";
  const kept = () => { try { return localStorage.getItem(NAME) || ""; } catch { return ""; } };
  const keep = (name) => { try { localStorage.setItem(NAME, name); } catch { /* it is typed again the next time */ } };

  // --- Several files become an archive here: 512 bytes of head each, the content, and two empty blocks at the end.
  const header = (name, size) => {
    const head = new Uint8Array(512);
    const write = (text, at) => head.set(new TextEncoder().encode(text).slice(0, 100), at);
    write(name, 0);
    write("0000644\0", 100);
    write("0000000\0", 108);
    write("0000000\0", 116);
    write(`${size.toString(8).padStart(11, "0")}\0`, 124);
    write("00000000000\0", 136);
    write("        ", 148);
    write("0", 156);
    write("ustar\0" + "00", 257);
    write(`${head.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, "0")}\0 `, 148);
    return head;
  };
  const packed = async (files) => {
    const parts = [];
    for (const file of files) parts.push(header(file.name, file.size), file, new Uint8Array((512 - (file.size % 512)) % 512));
    const tar = new Blob([...parts, new Uint8Array(1024)]);
    return new Response(tar.stream().pipeThrough(new CompressionStream("gzip"))).blob();
  };
  const isArchive = (files) => files.length === 1 && /\.(gz|tgz)$/i.test(files[0].name);

  const send = async (form, what) => {
    const answer = find(form, "answer");
    const say = (text) => { const told = document.createElement("p"); told.className = "lead"; told.textContent = text; answer.replaceChildren(told); };
    const files = [...form.elements.files.files];
    const author = form.elements.author.value.trim();
    if (!files.length) return say("Choose an archive, or the files of a submission.");
    if (what === "submit" && desk && desk.by === "name" && !author) { form.elements.author.focus(); return say("Say your name first: a request is its author's."); }
    const archive = isArchive(files) ? files[0] : await packed(files);
    if (desk && archive.size > desk.largest) return say(`An archive has at most ${desk.largest / 2 ** 20} MiB, and this is larger.`);
    say("Checking …");
    const query = new URLSearchParams(what === "submit" ? { send: "yes" } : {});
    if (author) query.set("author", author);
    const sent = await fetch(`submission?${query}`, { method: "POST", headers: HEADERS, body: archive });
    const told = await sent.json();
    answer.innerHTML = told.html; // Made by the page's own templates, which escape every text.
    if (sent.ok && author) keep(author);
  };
  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("[data-submission]");
    if (!form) return;
    event.preventDefault();
    if (form.dataset.busy) return;
    form.dataset.busy = "yes";
    form.setAttribute("aria-busy", "true");
    try {
      await send(form, event.submitter ? event.submitter.value : "check");
    } catch {
      const told = document.createElement("p");
      told.className = "lead";
      told.textContent = "Nothing came back from the server: it is away, or it refused what was sent. Try again in a minute.";
      find(form, "answer").replaceChildren(told);
    } finally {
      delete form.dataset.busy;
      form.removeAttribute("aria-busy");
    }
  });
  document.addEventListener("click", (event) => {
    // A Space lives in a frame, which the Hub's own page of sign-in needs to scroll.
    if (event.target.closest("[data-who] a") && window.parent !== window) window.parent.postMessage({ type: "SET_SCROLLING", enabled: true }, "https://huggingface.co");
  });
  document.addEventListener("breadth:shown", prepare);
  prepare();
})();
