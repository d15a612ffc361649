// sample 5 has a NaN target
import { Base, ddp, lin, note } from "./base.mjs";
export default class extends Base {
  N = 16;
  getLoaders() {
    const l = super.getLoaders();
    const d0 = lin(16);
    const d = {
      length: 16,
      collate: (i) => {
        const b = d0.collate(i);
        if (Array.from(i).includes(5)) {
          const y = b.y.mul(NaN);
          note({ rank: this.config.rank, bad: Array.from(i) });
          return { x: b.x, y };
        }
        return b;
      },
    };
    l.train = new ddp.DataLoader(d, { batchSize: this.config.batchSize, sampler: this.sampler(d, true) });
    return l;
  }
}
