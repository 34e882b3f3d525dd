// Encrypts the report in the browser to the form's key (JWE, ECDH-ES with P-256 and A256GCM), keeps
// people from leaving before they have their receipt. Everything works without it.
"use strict";
(() => {
  const bytes = (text) => new TextEncoder().encode(text);
  const url = (buffer) => {
    const data = new Uint8Array(buffer);
    let text = "";
    for (let i = 0; i < data.length; i += 0x8000) text += String.fromCharCode(...data.subarray(i, i + 0x8000));
    return btoa(text);
  };
  const safe = (base64) => base64.replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const number = (value) => new Uint8Array([value >>> 24, value >>> 16, value >>> 8, value]);

  async function seal(jwk, text) {
    const curve = { name: "ECDH", namedCurve: "P-256" };
    const theirs = await crypto.subtle.importKey("jwk", { kty: jwk.kty, crv: jwk.crv, x: jwk.x, y: jwk.y }, curve, false, []);
    const ours = await crypto.subtle.generateKey(curve, true, ["deriveBits"]);
    const shared = await crypto.subtle.deriveBits({ name: "ECDH", public: theirs }, ours.privateKey, 256);
    // Concat KDF of RFC 7518 4.6.2, one round, without party information.
    const input = new Blob([number(1), shared, number(7), "A256GCM", number(0), number(0), number(256)]);
    const hash = await crypto.subtle.digest("SHA-256", await input.arrayBuffer());
    const key = await crypto.subtle.importKey("raw", hash, "AES-GCM", false, ["encrypt"]);
    const epk = await crypto.subtle.exportKey("jwk", ours.publicKey);
    const head = safe(url(bytes(JSON.stringify({
      alg: "ECDH-ES", enc: "A256GCM", kid: jwk.kid, epk: { kty: "EC", crv: "P-256", x: epk.x, y: epk.y },
    }))));
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const box = new Uint8Array(await crypto.subtle.encrypt(
      { name: "AES-GCM", iv, additionalData: bytes(head), tagLength: 128 }, key, bytes(text)));
    return [head, "", safe(url(iv)), safe(url(box.subarray(0, -16))), safe(url(box.subarray(-16)))].join(".");
  }

  // The same neutral form that the server makes of the fields.
  async function neutral(form) {
    const get = (name) => form.elements[name].value.trim();
    const report = { kind: form.elements.kind.value, text: get("text"), product: get("product"), language: get("lang") };
    for (const name of ["version", "occurred", "impact", "known_by", "disclose_at", "credit"]) {
      if (get(name)) report[name] = get(name);
    }
    const contact = {};
    for (const name of ["mail", "phone", "name"]) {
      if (get(name)) contact[name] = get(name);
    }
    if (Object.keys(contact).length) report.contact = contact;
    if (get("website")) report.noise = ["filled-in-trap"];
    report.files = await Promise.all([...form.elements.files.files].map(async (file) => ({
      name: file.name.replace(/^\.+/, "") || "file", type: file.type || "application/octet-stream",
      data: url(await file.arrayBuffer()),
    })));
    return JSON.stringify(report);
  }

  async function report(form) {
    if (!window.isSecureContext || !crypto.subtle) return;
    const jwk = JSON.parse(document.getElementById("key").value);
    document.getElementById("sealed").hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const button = form.querySelector("button[type=submit]");
      button.disabled = true;
      neutral(form).then((text) => seal(jwk, text)).then((sealed) => {
        const out = document.createElement("form");
        out.method = "post";
        out.action = form.action;
        out.enctype = "multipart/form-data";
        for (const [name, value] of [["lang", form.elements.lang.value], ["once", form.elements.once.value], ["sealed", sealed]]) {
          const field = document.createElement("input");
          field.type = "hidden";
          field.name = name;
          field.value = value;
          out.append(field);
        }
        document.body.append(out);
        out.submit();
      }).catch(() => {
        form.submit(); // the browser cannot: then as without a script
      });
    });
    window.addEventListener("pageshow", () => { form.querySelector("button[type=submit]").disabled = false; });
  }

  function receipt(output) {
    const form = document.getElementById("typed");
    const warn = (event) => event.preventDefault();
    window.addEventListener("beforeunload", warn);
    form.addEventListener("submit", () => window.removeEventListener("beforeunload", warn));
    document.getElementById("tools").hidden = false;
    document.getElementById("copy").addEventListener("click", async (event) => {
      await navigator.clipboard.writeText(output.value);
      event.target.textContent = event.target.dataset.done;
    });
    document.getElementById("save").addEventListener("click", () => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([output.value + "\n" + location.origin + "/status\n"], { type: "text/plain" }));
      link.download = "receipt.txt";
      link.click();
    });
  }

  const form = document.getElementById("report");
  const output = document.querySelector("output#receipt");
  if (form) report(form);
  if (output) receipt(output);
})();
