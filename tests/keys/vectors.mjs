// Writes vectors.txt anew: one token for each algorithm that `JwtGate` knows, signed by the crypto module of Node.
import { createHmac, createPrivateKey, sign } from "node:crypto";
import { readFileSync } from "node:fs";

const read = (name) => createPrivateKey(readFileSync(new URL(`test-only-${name}-private.pem`, import.meta.url)));
const part = (object) => Buffer.from(JSON.stringify(object)).toString("base64url");
const claims = {
  sub: "17", name: "이순신", roles: ["STUDENT", "TUTOR"], exp: 32503680000, nbf: 1600000000, iss: "school", aud: ["andon", "other"], shift: 3,
};
const signers = {
  HS256: (text) => createHmac("sha256", "a secret of tests, known to all who read this").update(text).digest(),
  RS256: (text) => sign("sha256", text, read("rsa")),
  ES256: (text) => sign("sha256", text, { key: read("ec"), dsaEncoding: "ieee-p1363" }),
  EdDSA: (text) => sign(null, text, read("ed")),
};
for (const [alg, signer] of Object.entries(signers)) {
  const signed = `${part({ alg, typ: "JWT" })}.${part(claims)}`;
  console.log(alg, `${signed}.${signer(Buffer.from(signed)).toString("base64url")}`);
}
