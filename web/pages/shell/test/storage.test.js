import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { foreign, isOther, lasting, own } from "../storage.js";

beforeEach(() => lasting.clear());

const demo = { email: "Demo@erp.test", subject: "a1" };

test("the subject decides, then the address; nothing is no answer", () => {
  assert.equal(isOther(demo, { email: "new@erp.test", subject: "A1" }), false);
  assert.equal(isOther(demo, { email: "demo@erp.test", subject: "b2" }), true);
  assert.equal(isOther(demo, { email: "demo@erp.test" }), false);
  assert.equal(isOther({ email: "dana@erp.test" }, demo), true);
  assert.equal(isOther({ subject: "a1" }, { email: "demo@erp.test" }), undefined);
  assert.equal(isOther({}, demo), undefined);
});

test("what is stored is somebody else's until they are the same", () => {
  own(demo);
  assert.equal(foreign({ subject: "a1" }), false);
  assert.equal(foreign({ email: "demo@erp.test" }), false);
  assert.equal(foreign({ subject: "b2" }), true);
  own({ email: "demo@erp.test" });
  assert.equal(foreign({ subject: "a1" }), true);
  assert.equal(foreign(demo, true), false);
});

test("a name that is none is nobody's", () => {
  for (const odd of ["", "demo@erp.test", "null", "[]", '{"email":1,"subject":2}', "{"]) {
    lasting.set("matterpass.owner", odd);
    assert.equal(foreign(demo), true, odd);
  }
});
