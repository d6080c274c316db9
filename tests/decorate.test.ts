import ts from "typescript";
import { expect, expectTypeOf, test } from "vitest";
import { type Answered, RefCache } from "../src/index.js";

const cache = new RefCache({ name: "test" });

class Tools {
  static runs = 0;
  readonly #step: number;

  constructor(step: number) {
    this.#step = step;
  }

  @cache.cached("n", {
    key: function (this: Tools, { count }: { count: number }) {
      return `${this.#step}:${count}`;
    },
  })
  async count({ count }: { count: number }): Promise<Answered<number[]>> {
    Tools.runs++;
    return Array.from({ length: count }, (_, index) => index * this.#step);
  }

  @cache.cached("n")
  static async twice({ n }: { n: number }) {
    return n * 2;
  }

  @cache.cached("n")
  async #hidden(n: number) {
    return n + this.#step;
  }

  async callHidden(n: number) {
    return this.#hidden(n);
  }
}

class More extends Tools {
  override async count(args: { count: number }) {
    return super.count(args);
  }
}

test("a decorated method answers, bound to its instance", async () => {
  const { count } = new Tools(2);
  const answer = await count({ count: 3 });
  expectTypeOf(count).parameter(0).toEqualTypeOf<{ count: number }>();
  expect(answer).toMatchObject({ is_complete: true, value: [0, 2, 4] });
  expect(await new Tools(2).count({ count: 3 })).toEqual(answer);
  expect(await new Tools(5).count({ count: 3 })).toMatchObject({ value: [0, 5, 10] });
  expect(Tools.runs).toBe(2);
});

test("static, private and overridden methods too", async () => {
  expect(await Tools.twice({ n: 4 })).toMatchObject({ value: 8 });
  expect(await new Tools(1).callHidden(1)).toMatchObject({ value: 2 });
  expect(await new More(3).count({ count: 2 })).toMatchObject({ value: [0, 3] });
});

test("an override is not hidden by the method it overrides", async () => {
  class Base {
    @cache.cached("n") async load(_args: object) {
      return "base";
    }
  }
  class Derived extends Base {
    override async load(args: object) {
      return `derived from ${JSON.stringify(await super.load(args))}`;
    }
  }
  const derived = new Derived();
  for (const answer of [await derived.load({}), await derived.load({})]) {
    expect(answer).toMatch(/^derived from .*"value":"base"/);
  }
});

test("a bound method is no visible member of its instance", () => {
  expect(Object.keys(new Tools(1))).toEqual([]);
});

test("methods of one name in two classes do not share results", async () => {
  class A {
    @cache.cached("n") async load(_args: object) {
      return "a";
    }
  }
  class B {
    @cache.cached("n") async load(_args: object) {
      return "b";
    }
  }
  expect(await new A().load({})).toMatchObject({ value: "a" });
  expect(await new B().load({})).toMatchObject({ value: "b" });
});

/** What the source in the test declares. */
interface LegacyClass {
  new (step: number): { count(args: { n: number }): Promise<unknown> };
  twice(args: { n: number }): Promise<unknown>;
  readonly prototype: { count: unknown };
}

test("legacy decorators, as TypeScript compiles them", async () => {
  const source = `
    class Legacy {
      constructor(readonly step: number) {}
      @cached("legacy") async count({ n }: { n: number }) { runs.push(n); return n * this.step; }
      @cached("legacy") static async twice({ n }: { n: number }) { return n * 2; }
    }
    return Legacy;`;
  const { outputText } = ts.transpileModule(`(function(){${source}})`, {
    compilerOptions: { experimentalDecorators: true, target: ts.ScriptTarget.ES2022 },
  });
  expect(outputText).toContain("__decorate");
  const runs: number[] = [];
  const make = new Function(
    "cached",
    "runs",
    `${outputText.replace(/\(function \(\) \{/, "return (function () {").replace(/;\s*$/, "")}();`,
  );
  const Legacy = make(cache.cached.bind(cache), runs) as unknown as LegacyClass;
  const { count } = new Legacy(10);
  expect(await count({ n: 3 })).toMatchObject({ is_complete: true, value: 30 });
  expect(await count({ n: 3 })).toMatchObject({ value: 30 });
  expect(runs).toEqual([3]);
  expect(await Legacy.twice({ n: 3 })).toMatchObject({ value: 6 });
  expect(typeof Legacy.prototype.count).toBe("function");
  expect(await new Legacy(5).count({ n: 4 })).toMatchObject({ value: 20 });
  class Derived extends Legacy {
    override async count(args: { n: number }) {
      return ["derived", await super.count(args)];
    }
  }
  const derived = new Derived(7);
  for (const answer of [await derived.count({ n: 5 }), await derived.count({ n: 5 })]) {
    expect(answer).toMatchObject(["derived", { value: 35 }]);
  }
});

test("what is no function is refused", () => {
  expect(() => cache.cached("n")({} as never)).toThrow(/wraps a function/);
});
