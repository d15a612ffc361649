import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import protobuf from "protobufjs";
import type { LogScope } from "../../../src/core/metrics-logger.js";
import { TensorboardLogger, type TensorboardOptions } from "../../../src/loggers/tensorboard.js";
import { crc32c, encodeRecord } from "../../../src/loggers/tfevents.js";
import { temporaryFolder } from "../../support/data-files.js";
import { runPython, skipWithoutPython } from "../../support/python.js";
import { countersAt } from "../../support/run-state.js";

// The fields in use, as TensorBoard's event.proto and summary.proto number and type them.
const { root } = protobuf.parse(
  `
  syntax = "proto3";
  message Event {
    double wall_time = 1;
    int64 step = 2;
    oneof what { string file_version = 3; Summary summary = 5; }
  }
  message Summary {
    message Value { string tag = 1; oneof value { float simple_value = 2; } }
    repeated Value value = 1;
  }`,
  { keepCase: true },
);
const Event = root.lookupType("Event");

interface DecodedEvent {
  readonly wall_time: number;
  readonly step: number;
  readonly file_version?: string;
  readonly summary?: { readonly value: { readonly tag: string; readonly simple_value: number }[] };
}

const at = (step: number, samples = step * 100, batch = 0): LogScope => ({
  stage: "freezed",
  epoch: step,
  epochs: 3,
  batch,
  counters: countersAt(step, samples),
});

test("CRC-32C gives the checksums of RFC 3720 B.4", () => {
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e);
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => 31 - i)), 0x113fdb5c);
  assert.equal(crc32c(Buffer.from("123456789")), 0xe3069283);
});

test("a first record is framed as TensorFlow's own files begin", () => {
  const record = Buffer.from(encodeRecord({ wallTime: 1.5e9, fileVersion: "brain.Event:2" }));
  assert.equal(record.length, 40);
  // 24 bytes of message, and the masked checksum of that length: the first 12 bytes of TensorFlow's event files.
  assert.equal(record.toString("hex", 0, 12), "1800000000000000a37f4b22");
  assert.deepEqual(decode(record), [{ wall_time: 1.5e9, step: 0, file_version: "brain.Event:2" }]);
});

test("records hold any step, tag and number, and long messages", () => {
  for (const step of [0, 1, 127, 128, 300, 2 ** 31, 2 ** 32 + 1, 2 ** 40 + 12345]) {
    const [event] = decode(encodeRecord({ wallTime: 1, step, scalars: { "é/epoch": -0.5 } }));
    assert.deepEqual(event, {
      wall_time: 1,
      step,
      summary: { value: [{ tag: "é/epoch", simple_value: -0.5 }] },
    });
  }
  const scalars = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`precision/class_${i}`, i / 3]));
  const [event] = decode(encodeRecord({ wallTime: 1, step: 1, scalars }));
  assert.deepEqual(
    event.summary?.value.map(({ tag, simple_value }) => [tag, simple_value]),
    Object.entries(scalars).map(([tag, value]) => [tag, Math.fround(value)]),
  );
  const [odd] = decode(encodeRecord({ wallTime: 1, step: 1, scalars: { nan: Number.NaN, inf: -Infinity } }));
  assert.deepEqual(
    odd.summary?.value.map((value) => value.simple_value),
    [Number.NaN, -Infinity],
  );
});

test("a folder per loader; batches over samples, epochs over epochs; readable after each flush", (t) => {
  const logdir = temporaryFolder(t);
  const before = Math.floor(Date.now() / 1000);
  const logger = new TensorboardLogger({ logdir, logBatches: 1 });
  logger.logBatch("train", { loss: 2, lr: 0.5 }, at(1, 32));
  logger.logBatch("train", { loss: 1 }, at(1, 64));
  logger.logLoader("train", { loss: 1.5, "f1/class_00": 0.25 }, at(1));
  logger.logLoader("valid", { loss: 1.25 }, at(1));
  logger.flush();
  const [version, ...events] = eventsOf(logdir, "train");
  assert.equal(version.file_version, "brain.Event:2");
  assert.deepEqual(events.map(flatten), [
    [32, { "loss/batch": 2, "lr/batch": 0.5 }],
    [64, { "loss/batch": 1 }],
    [1, { "loss/epoch": 1.5, "f1/class_00/epoch": 0.25 }],
  ]);
  for (const { wall_time } of [version, ...events]) {
    assert.ok(wall_time >= before && wall_time <= Date.now() / 1000, String(wall_time));
  }
  assert.deepEqual(eventsOf(logdir, "valid").slice(1).map(flatten), [[1, { "loss/epoch": 1.25 }]]);
  logger.logLoader("valid", { loss: 1 }, at(2));
  logger.close();
  assert.deepEqual(flatten(eventsOf(logdir, "valid")[2]), [2, { "loss/epoch": 1 }]);
});

test("every tenth batch of a loader by default, none with logBatches 0", (t) => {
  const steps = (options: Omit<TensorboardOptions, "logdir">) => {
    const logdir = temporaryFolder(t);
    const logger = new TensorboardLogger({ logdir, ...options });
    for (let batch = 1; batch <= 25; batch++) logger.logBatch("train", { loss: 1 }, at(1, batch, batch - 1));
    logger.logLoader("train", { loss: 1 }, at(1, 25));
    logger.close();
    return eventsOf(logdir, "train")
      .slice(1)
      .map((event) => event.step);
  };
  assert.deepEqual(steps({}), [1, 11, 21, 1]);
  assert.deepEqual(steps({ logBatches: 12 }), [1, 13, 25, 1]);
  assert.deepEqual(steps({ logBatches: 0 }), [1]);
  assert.throws(() => new TensorboardLogger({ logdir: "x", logBatches: 0.5 }), {
    name: "UsageError",
    message: "TensorboardLogger: logBatches must be a whole number, 0 or more, got 0.5",
  });
});

test("long epochs do not pile up in memory: events reach the file between flushes", (t) => {
  const logdir = temporaryFolder(t);
  const logger = new TensorboardLogger({ logdir, logBatches: 1 });
  for (let batch = 1; batch <= 3000; batch++) logger.logBatch("train", { loss: 1 }, at(1, batch));
  const written = eventsOf(logdir, "train").length;
  assert.ok(written > 1000 && written < 3001, String(written));
  logger.close();
  assert.equal(eventsOf(logdir, "train").length, 3001);
});

test("TensorBoard itself reads the files", { skip: skipWithoutPython("tensorboard") }, (t) => {
  const logdir = temporaryFolder(t);
  const logger = new TensorboardLogger({ logdir });
  logger.logBatch("train", { loss: 2 }, at(1, 5e9));
  for (let epoch = 1; epoch <= 3; epoch++) logger.logLoader("train", { "f1/class_00": epoch / 4 }, at(epoch));
  logger.close();
  const program = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1])
events.Reload()
tags = events.Tags()["scalars"]
print(json.dumps([events.file_version, {t: [[e.step, e.value] for e in events.Scalars(t)] for t in tags}]))`;
  assert.deepEqual(runPython(program, join(logdir, "train")), [
    2,
    {
      "loss/batch": [[5e9, 2]],
      "f1/class_00/epoch": [
        [1, 0.25],
        [2, 0.5],
        [3, 0.75],
      ],
    },
  ]);
});

function eventsOf(logdir: string, loaderKey: string): DecodedEvent[] {
  const names = readdirSync(join(logdir, loaderKey));
  assert.equal(names.length, 1);
  assert.match(names[0], /^events\.out\.tfevents\.\d{10}\..+\.\d+$/);
  return decode(readFileSync(join(logdir, loaderKey, names[0])));
}

function flatten({ step, summary }: DecodedEvent): [number, Record<string, number>] {
  return [step, Object.fromEntries(summary!.value.map(({ tag, simple_value }) => [tag, simple_value]))];
}

/** Unframes the records, checks their checksums, and has protobufjs decode the messages. */
function decode(file: Uint8Array): DecodedEvent[] {
  const bytes = Buffer.from(file);
  const events: DecodedEvent[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    const message = bytes.subarray(at + 12, at + 12 + length);
    assert.equal(unmask(bytes.readUInt32LE(at + 8)), crc32c(bytes.subarray(at, at + 8)));
    assert.equal(unmask(bytes.readUInt32LE(at + 12 + length)), crc32c(message));
    events.push(Event.toObject(Event.decode(message), { longs: Number, defaults: true }) as DecodedEvent);
    at += length + 16;
  }
  return events;
}

function unmask(masked: number): number {
  const rotated = (masked - 0xa282ead8) >>> 0;
  return ((rotated << 15) | (rotated >>> 17)) >>> 0;
}
