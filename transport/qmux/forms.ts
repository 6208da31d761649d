import type { TransportCode } from "./violation.ts";

/**
 * A wire form of QMux that peers negotiate, as named capabilities. Nothing else in this folder compares versions.
 *
 * The binding (draft-lcurley-qmux-websocket section 5) puts the bare application protocol in `Sec-WebSocket-Protocol`;
 * published clients put the form before it, as in `qmux-02.moq-lite-05`. This engine understands both. It never chooses
 * the form `webtransport`, which the same clients offer last: that is older than QMux and has neither flow control nor
 * stream limits, so a listener could not keep its bounds.
 */
export interface Form {
  readonly name: string;
  /**
   * True: a message is a record of any number of frames, and the parameters of records apply. False: it is one frame.
   */
  readonly records: boolean;
  /** Sequence numbers of QX_PING must increase, and answers must repeat one (draft-ietf-quic-qmux-02 section 4.3). */
  readonly strictPings: boolean;
  /** RESET_STREAM_AT may be used (draft-ietf-quic-qmux-02 section 9.2). */
  readonly resetStreamAt: boolean;
  /** A STREAM frame without an offset continues the stream: published senders leave the offset out. */
  readonly impliedOffset: boolean;
  /** The error code when the first frame is not the transport parameters. */
  readonly firstFrameCode: TransportCode;
}

const QMUX_02: Form = {
  name: "qmux-02",
  records: true,
  strictPings: true,
  resetStreamAt: true,
  impliedOffset: false,
  firstFrameCode: "PROTOCOL_VIOLATION",
};

const QMUX_01: Form = {
  name: "qmux-01",
  records: true,
  strictPings: false,
  resetStreamAt: false,
  impliedOffset: true,
  firstFrameCode: "TRANSPORT_PARAMETER_ERROR",
};

const QMUX_00: Form = { ...QMUX_01, name: "qmux-00", records: false };

/** All forms, newest first. */
export const FORMS: readonly Form[] = [QMUX_02, QMUX_01, QMUX_00];

/** The form of a bare application protocol: the newest. */
const BARE_FORM = QMUX_02;

/** The result of the opening handshake. */
export interface Agreement {
  /** The value of `Sec-WebSocket-Protocol`. */
  readonly subprotocol: string;
  /** The application protocol; empty when the subprotocol is only a form. */
  readonly protocol: string;
  readonly form: Form;
}

/** All subprotocols for `protocols`, best first. The empty protocol means a form without an application protocol. */
export function agreements(protocols: readonly string[]): Agreement[] {
  return protocols.flatMap((protocol) => {
    const prefixed = FORMS.map((form) => ({ subprotocol: nameOf(form, protocol), protocol, form }));
    if (protocol === "") return prefixed;
    const [newest, ...older] = prefixed;
    const bare = { subprotocol: protocol, protocol, form: BARE_FORM };
    return newest === undefined ? [bare] : [newest, bare, ...older];
  });
}

/** The best offered protocol of `protocols`, in its newest offered form. */
export function choose(offered: readonly string[], protocols: readonly string[]): Agreement | undefined {
  return agreements(protocols).find(({ subprotocol }) => offered.includes(subprotocol));
}

function nameOf(form: Form, protocol: string): string {
  return protocol === "" ? form.name : `${form.name}.${protocol}`;
}
