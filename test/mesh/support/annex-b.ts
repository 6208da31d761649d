/** H.264 as a byte stream (ITU-T H.264 Annex B) with headers that parsers accept and slices that are not decodable. */

const START_CODE = [0, 0, 0, 1];

/** NAL unit types with their importance (nal_ref_idc), as the first byte of a unit. */
const SPS = 0x67;
const PPS = 0x68;
const IDR = 0x65;
const SLICE = 0x41;

/** The start of a slice: first_mb_in_slice 0, and slice_type 7 (I) or 5 (P). */
const I_SLICE = 0b1_0001000;
const P_SLICE = 0b1_00110_11;

/** Macroblocks of the picture. */
const WIDTH = 20;
const HEIGHT = 15;

class Bits {
  #text = "";

  u(bits: number, value: number): this {
    this.#text += value.toString(2).padStart(bits, "0");
    return this;
  }

  /** Exponential Golomb (9.1). */
  ue(value: number): this {
    const text = (value + 1).toString(2);
    this.#text += "0".repeat(text.length - 1) + text;
    return this;
  }

  /** With the stop bit. */
  bytes(): number[] {
    const text = `${this.#text}1`;
    return (text.padEnd(Math.ceil(text.length / 8) * 8, "0").match(/.{8}/g) ?? []).map((byte) =>
      Number.parseInt(byte, 2),
    );
  }
}

/** Baseline profile, level 3, a picture of 320 by 240 (7.3.2.1.1). */
function parameterSets(): number[] {
  const sps = new Bits().u(8, 66).u(8, 0b1100_0000).u(8, 30).ue(0).ue(0).ue(2).ue(1).u(1, 0);
  sps
    .ue(WIDTH - 1)
    .ue(HEIGHT - 1)
    .u(1, 1)
    .u(1, 1)
    .u(1, 0)
    .u(1, 0);
  const pps = new Bits().ue(0).ue(0).u(2, 0).ue(0).ue(0).ue(0).u(3, 0).ue(0).ue(0).ue(0).u(3, 0);
  return [...START_CODE, SPS, ...sps.bytes(), ...START_CODE, PPS, ...pps.bytes()];
}

/** One picture whose slice holds `text`; a key frame has the parameter sets before it. */
export function picture(text: string, key: boolean): Buffer {
  const head = key ? [...parameterSets(), ...START_CODE, IDR, I_SLICE] : [...START_CODE, SLICE, P_SLICE];
  return Buffer.concat([Buffer.from(head), Buffer.from(text)]);
}
