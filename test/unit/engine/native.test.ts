// The native package in all its ways to fail, by stand-ins for `require` (test/support/native-failures.ts) and, for
// what happens after loading, by stand-ins for the package itself: no machine of the tests has its binary.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, mock, test } from "node:test";
import { MathBackendCPU } from "@tensorflow/tfjs-backend-cpu";
import type { Require } from "../../../src/engine/engine.js";
import { loadEngine } from "../../../src/engine/load.js";
import { chooseEngine } from "../../../src/engine/probe.js";
import { tf } from "../../../src/engine/tf.js";
import * as failures from "../../support/native-failures.js";

const PACKAGE = "@tensorflow/tfjs-node-gpu";

describe("each way in which the package does not load has its own line, with what to do", () => {
  const lines: readonly (readonly [name: string, require: Require, line: RegExp])[] = [
    ["it is missing", failures.packageMissing, /^the package \S+ is not installed \(npm leaves it out/],
    ["a dependency is missing", failures.dependencyMissing, /does not load: Cannot find module 'long'$/],
    [
      "without its binary",
      failures.binaryMissing,
      /is installed without its binary \(run: npm rebuild \S+\)$/,
    ],
    ["a library is missing", failures.libraryMissing, /needs the shared library libcudart\.so\.11\.0,/],
    [
      "its own library is missing",
      failures.tensorflowMissing,
      /is installed without libtensorflow\.so\.2 \(run: npm rebuild \S+\)$/,
    ],
    ["on musl", failures.libraryMissingOnMusl, /needs the shared library ld-linux-x86-64\.so\.2,/],
    ["libc too old", failures.libcTooOld, /^libtensorflow\.so\.2 of \S+ wants glibc 2\.99 or newer/],
    [
      "libstdc++ too old",
      failures.libstdcxxTooOld,
      /^libtensorflow\.so\.2 of \S+ wants a libstdc\+\+ with GLIBCXX_3\.4\.99/,
    ],
    [
      "cut off",
      failures.libraryCutOff,
      /^tfjs_binding\.node of \S+ is damaged: .* \(run: npm rebuild \S+\)$/,
    ],
  ];
  for (const [name, require, line] of lines) {
    test(name, async () => {
      for (const engine of ["native", "cuda"] as const) {
        await assert.rejects(loadEngine(engine, require), (error: Error) => {
          assert.match(error.message, line);
          assert.ok(error.message.includes(PACKAGE) && !error.message.includes("\n"), error.message);
          return true;
        });
      }
    });
  }

  test("a libc that is too old is told with the version that there is", async () => {
    const { glibcVersionRuntime } = (
      process.report.getReport() as unknown as { header: Record<string, string> }
    ).header;
    const told =
      glibcVersionRuntime === undefined ? "newer" : `newer, this system has ${glibcVersionRuntime}`;
    await assert.rejects(loadEngine("native", failures.libcTooOld), (error: Error) => {
      assert.ok(error.message.includes(`2.99 or ${told} (use a newer system`), error.message);
      return true;
    });
  });
});

describe("a package that loads", () => {
  const warnings: string[] = [];
  beforeEach(() => {
    mock.method(console, "warn", (line: string) => warnings.push(line));
  });
  afterEach(() => {
    mock.restoreAll();
    tf.removeBackend("tensorflow");
  });

  /** Stands in for the package: registers tfjs's cpu backend, or one that does not start, by its name. */
  const registering =
    (start: () => MathBackendCPU): Require =>
    () => {
      tf.registerBackend("tensorflow", start, 3);
      return { version: { "tfjs-core": "4.22.0" } };
    };
  const broken = registering(() => {
    throw new Error("TF_NewStatus failed\nat somewhere");
  });

  test("is refused, with the reason, where its backend does not start: nothing else computes in its name", async () => {
    await assert.rejects(loadEngine("native", broken), {
      message: 'tfjs\'s backend "tensorflow" did not start: TF_NewStatus failed',
    });
    tf.removeBackend("tensorflow");
    await assert.rejects(loadEngine("cuda", broken), /"tensorflow" did not start/);
  });

  test("auto goes on to the next engine then, and computes on it", async () => {
    const choice = await chooseEngine("auto", 1, 0, broken);
    assert.equal(choice.engine, "wasm");
    assert.equal(tf.getBackend(), "wasm");
    assert.match(choice.skipped[1].reason, /did not start/);
    await assert.rejects(chooseEngine("native", 1, 0, broken), {
      name: "UsageError",
      message: /^--device native: .*did not start.*; use --device auto/,
    });
  });

  test("is refused where tfjs has another backend than it says", async () => {
    await loadEngine("cpu");
    const starting = registering(() => new MathBackendCPU());
    // As a tfjs would that took the name and kept its backend.
    const { mock: lying } = mock.method(tf.engine(), "setBackend", () => Promise.resolve(true));
    await assert.rejects(
      loadEngine("native", starting),
      /computes on its backend "cpu", not on "tensorflow"/,
    );
    assert.equal(lying.callCount(), 1);
  });

  test("is native on a CPU, and no cuda", async () => {
    const starting = registering(() => new MathBackendCPU());
    const engine = await loadEngine("native", starting);
    assert.equal(engine.description, "native (the CPU of tfjs-node-gpu 4.22.0)");
    assert.equal(tf.getBackend(), "tensorflow");
    await assert.rejects(
      loadEngine("cuda", () => ({})),
      { message: "it found no GPU that it can use" },
    );
  });

  test("is cuda where it says that it uses a GPU", async () => {
    const onGpu = registering(() => Object.assign(new MathBackendCPU(), { isUsingGpuDevice: true }));
    assert.equal((await loadEngine("cuda", onGpu)).description, "cuda (tfjs-node-gpu 4.22.0)");
  });
});
