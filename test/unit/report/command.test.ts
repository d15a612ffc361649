// `ddp-train report`, report.html at the end of a run, and the commands that a report tells.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { readChosen } from "../../../src/core/options/read.js";
import { snakeCase } from "../../../src/core/options/row.js";
import { OPTIONS } from "../../../src/core/options/table.js";
import { parseArguments } from "../../../src/launcher/commands/parser.js";
import { train } from "../../../src/launcher/commands/train.js";
import { writeRunReport } from "../../../src/launcher/run-folder/report-file.js";
import { goOnCommand, repeatCommand } from "../../../src/report/commands.js";
import { readRun } from "../../../src/report/record.js";
import { folder, logdir, run, startCli, useFakeRuns } from "../../fixtures/fake-run.js";
import { epochs, work, writeRun } from "./runs.js";

useFakeRuns();
after(() => rmSync(work, { recursive: true, force: true }));

/** The words that a shell makes of a command, without its name. */
function words(command: string): string[] {
  const script = `set -- ${command}; shift; printf '%s\\0' "$@"`;
  return execFileSync("sh", ["-c", script], { encoding: "utf8" }).split("\0").slice(0, -1);
}

test("a run leaves report.html, whether it completes or fails, and says where", async () => {
  const { error, stdout, stderr } = await run(["train", "train"]);
  assert.equal(error, null);
  const page = readFileSync(join(logdir, "report.html"), "utf8");
  assert.match(page, /<title>fake on digits: completed \(log\)<\/title>/);
  assert.match(stdout, new RegExp(`\n {2}report +${join(logdir, "report.html")}\n$`));
  assert.doesNotMatch(stderr, /report/);
  const failed = await run(["train", "throw"], { overwrite: true });
  assert.ok(failed.error);
  assert.match(readFileSync(join(logdir, "report.html"), "utf8"), /: failed \(log\)<\/title>/);
});

test("a report that cannot be written is a warning, and the run is what it was", async () => {
  mkdirSync(logdir);
  const warnings: string[] = [];
  assert.equal(await writeRunReport(logdir, (line) => warnings.push(line)), null);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0], /^no report is written: .* holds no run/);
});

test("the command writes where it is told, or into the log folder, and tells where", async () => {
  await run(["train"]);
  const out = join(folder, "compared.html");
  const two = await startCli(["report", logdir, logdir, "--out", out]).finished;
  assert.deepEqual([two.code, two.stderr, two.stdout], [0, "", `${out}\n`]);
  assert.match(readFileSync(out, "utf8"), /<h1>2 training runs<\/h1>/);
  const one = await startCli(["report", logdir]).finished;
  assert.deepEqual([one.code, one.stdout], [0, `${join(logdir, "report.html")}\n`]);
});

test("bad input is told in one line, with exit code 2, and nothing is written", async () => {
  const mistakes: readonly (readonly [string[], RegExp])[] = [
    [["report"], /^ddp-train: name a run's log folder: ddp-train report logs\/first\n$/],
    [["report", folder], /holds no run: there is no config\.json and no summary\.json; name the log folder/],
    [
      ["report", folder, "--out", folder],
      /^ddp-train: --out wants a file, and .* is a folder: try .*report\.html\n$/,
    ],
    [["report", "--seed", "3", folder], /unknown option '--seed'/],
  ];
  await Promise.all(
    mistakes.map(async ([argv, message]) => {
      const { code, stderr, stdout } = await startCli(argv).finished;
      assert.deepEqual([code, stdout], [2, ""], stderr);
      assert.match(stderr, message);
      assert.match(stderr, /^[^\n]+\n$/);
    }),
  );
  assert.ok(!existsSync(join(folder, "report.html")));
});

test("the command that repeats a run gives it the options that it had", () => {
  const options = {
    workers: 3,
    device: "auto",
    recipe: join(folder, "it's mine.ts"),
    stages: ["one", "two three"],
    epochs: 7,
    batchSize: 64,
    initFrom: null,
    seed: 0,
    onNan: "skip",
    wire: "bf16",
    bucketMb: 1,
    logdir,
    overwrite: true,
    verbosity: "quiet",
    timeoutSeconds: 5,
    layers: 3,
    augment: true,
    frozen: false,
  };
  const stored = Object.fromEntries(Object.entries(options).map(([key, value]) => [snakeCase(key), value]));
  const report = readRun(
    writeRun({
      stages: [["one", epochs(1, () => ({ loss: 1 }))]],
      config: { options: stored },
      summary: { world_size: 3, engine: "wasm" },
    }),
  );
  const repeat = repeatCommand(report);
  assert.ok(repeat);
  assert.equal(repeat.lacks, "Switches of the recipe that were off: frozen.");
  const typed = words(repeat.command);
  const own = typed.splice(typed.indexOf("--layers"));
  assert.deepEqual(own, ["--layers", "3", "--augment"]);
  const given = parseArguments(typed, train, []);
  // The recipe's file is not there, which only reading its option would see.
  const { recipe, ...rest } = given as Record<string, unknown>;
  assert.equal(recipe, options.recipe);
  assert.deepEqual(readChosen(OPTIONS, rest), {
    workers: 3,
    device: "wasm",
    stages: options.stages,
    epochs: 7,
    batchSize: 64,
    seed: 0,
    onNan: "skip",
    wire: "bf16",
    bucketMb: 1,
  });
});

test("the built-in recipe is repeated on the data that was found, another one as it was asked", () => {
  const typed = (recipe: string | null) => {
    const options = { recipe, dataset: "auto", workers: 2 };
    const summary = { dataset: "digits", engine: "cpu" };
    const report = readRun(writeRun({ stages: [], config: { options }, summary }));
    return words(repeatCommand(report)?.command ?? "").join(" ");
  };
  assert.equal(typed(null), "--workers 2 --device cpu --dataset digits");
  assert.equal(typed("/a.ts"), "--workers 2 --device cpu --recipe /a.ts --dataset auto");
});

test("what goes on is the last checkpoint of a run that is not over, and the best weights of one that is", () => {
  const stages = [["s", epochs(1, () => ({ loss: 1 }))]] as const;
  const best = ["s", 1, "loss", "valid", 1] as const;
  const typed = (of: Parameters<typeof writeRun>[0]) => {
    const path = writeRun(of);
    const next = goOnCommand(readRun(path));
    return next === null ? null : words(next.command).map((word) => word.replace(path, "<logdir>"));
  };
  const recipe = ["--recipe", "/home/me/my recipe.ts"];
  assert.deepEqual(typed({ stages, best }), [
    "--init-from",
    "<logdir>/checkpoints/best.safetensors",
    ...recipe,
  ]);
  assert.deepEqual(typed({ stages, summary: { status: "failed" } }), ["--resume", "<logdir>", ...recipe]);
  assert.deepEqual(typed({ stages, summary: null }), ["--resume", "<logdir>", ...recipe]);
  assert.equal(typed({ stages, summary: { status: "failed", last: null } }), null);
  assert.equal(typed({ stages }), null);
});
