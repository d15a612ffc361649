// Settings of the mutation tester for one folder of src, which scripts/mutate.ts names: each mutant is judged by that
// folder's own unit tests. Stryker reads JavaScript only.
const { DDP_MUTATE_FOLDER: folder, DDP_MUTATE_TESTS: tests } = process.env;
if (!folder || !tests) throw new Error("run npm run mutate -- <folder>");

export default {
  mutate: [`src/${folder}/**/*.ts`],
  testRunner: "command",
  commandRunner: { command: `node --import tsx --test ${tests}` },
  // There is no such file: rewriting the real one wants a TypeScript of its own, and tsx looks at no types.
  tsconfigFile: "none.json",
  // A mutant that loops for ever costs this much more than the tests take.
  timeoutMS: 10_000,
  timeoutFactor: 2,
  incremental: true,
  incrementalFile: `.stryker/${folder.replaceAll("/", "-")}.json`,
  tempDirName: ".stryker/tmp",
  reporters: ["clear-text"],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  // What the tests of a folder read, besides its sources; dist holds the compiled kernels.
  ignorePatterns: ["/logs", "/docs", "/benchmarks", ".stryker"],
  allowConsoleColors: false,
};
