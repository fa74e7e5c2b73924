import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { foreign, lasting, means, own } from "../storage.js";

beforeEach(() => lasting.clear());

const demo = { user: { id: "u1", email: "Demo@erp.test" }, subjects: ["a1", "a2"] };

test("the subject decides, then the address; who names nobody means anybody", () => {
  assert.equal(means({ email: "new@erp.test", subject: "A2" }, demo), true);
  assert.equal(means({ email: "demo@erp.test", subject: "b1" }, demo), false);
  assert.equal(means({ email: "demo@erp.test" }, demo), true);
  assert.equal(means({ email: "dana@erp.test" }, demo), false);
  assert.equal(means({}, demo), true);
  assert.equal(means({ subject: "a1" }, { ...demo, subjects: undefined }), undefined);
});

test("what is stored is an account's, by whatever name, and nobody else's", () => {
  own(demo);
  assert.equal(foreign({ ...demo, user: { id: "u1", email: "new@erp.test" }, subjects: undefined }), false);
  assert.equal(foreign({ ...demo, user: { id: "u2", email: "demo@erp.test" } }), true);
  for (const named of [{ subject: "a1" }, { subject: "A2" }, { email: "demo@erp.test" }]) assert.equal(foreign(named), false);
  for (const named of [{ subject: "b1" }, { email: "dana@erp.test" }, { email: "demo@erp.test", subject: "b1" }]) assert.equal(foreign(named), true);
  own({ ...demo, subjects: undefined }); // while they could not be looked up
  assert.equal(foreign({ subject: "a1" }), true);
});

test("before anybody put a name to it, it is the signed-in person's own", () => {
  assert.equal(foreign({ subject: "a1" }), false);
  lasting.set("storage.draft", "x");
  assert.equal(foreign(demo), false);
});

test("a name that is garbled is nobody's", () => {
  for (const odd of ["", "demo@erp.test", "null", "[]", "1", '{"user":1}', "{"]) {
    lasting.set("matterpass.owner", odd);
    assert.equal(foreign({ subject: "a1" }), true, odd);
    assert.equal(foreign(demo), true, odd);
  }
});
