// Preloaded into the processes of a measured run (node --require): notes when rank 0 tells its launcher that it is at
// the first training batch. Nothing is added to the run but this one write.
const { writeFileSync } = require("node:fs");

const { DDP_BENCH_FIRST_STEP: file, RANK } = process.env;
if (file && RANK === "0" && process.send) {
  const send = process.send;
  process.send = function (message, ...rest) {
    if (message.type === "at" && message.position.loader.startsWith("train")) {
      process.send = send;
      writeFileSync(file, String(Date.now()));
    }
    return send.call(this, message, ...rest);
  };
}
