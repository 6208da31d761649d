/** The generated tone: a short pip on each full second of the wall clock, together with the picture's flash. */

const PIP_HZ = 1000;
/** Seconds of tone after each full second; equal to the picture's flash. */
const PIP_SECONDS = 0.1;
/** Seconds over which the pip swells and fades, so that it does not click. */
const EDGE_SECONDS = 0.005;
const LOUDNESS = 0.3;

/** A running tone. */
export interface Tone {
  readonly track: MediaStreamTrack;
  stop(): void;
}

/** Starts the tone. Call it after a click or a key: before that, browsers allow no sound. */
export async function startTone(): Promise<Tone> {
  const context = new AudioContext({ sampleRate: 48_000 });
  await context.resume();
  const source = new AudioBufferSourceNode(context, { buffer: oneSecond(context), loop: true });
  const destination = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
  source.connect(destination);
  source.start(context.currentTime + (1000 - (Date.now() % 1000)) / 1000);
  const track = destination.stream.getAudioTracks()[0];
  if (!track) throw new Error("This browser cannot make an audio track for the tone.");
  return {
    track,
    stop: () => {
      track.stop();
      void context.close();
    },
  };
}

function oneSecond(context: AudioContext): AudioBuffer {
  const buffer = context.createBuffer(1, context.sampleRate, context.sampleRate);
  const samples = buffer.getChannelData(0);
  for (let i = 0; i < PIP_SECONDS * context.sampleRate; i++) {
    const at = i / context.sampleRate;
    const edge = Math.min(1, at / EDGE_SECONDS, (PIP_SECONDS - at) / EDGE_SECONDS);
    samples[i] = Math.sin(2 * Math.PI * PIP_HZ * at) * LOUDNESS * edge;
  }
  return buffer;
}
