import * as z from "zod";
import { bodyOf, type Notice, type NoticeSource, optionalBody, type SourceDeps } from "./contract.ts";

/** Seconds for which a token of the metadata service (IMDSv2) is valid, and after which the relay asks for the next. */
const TOKEN_SECONDS = 21_600;
const RENEW_SECONDS = TOKEN_SECONDS / 2;

const action = z.object({ action: z.enum(["terminate", "stop", "hibernate"]), time: z.iso.datetime() });
const recommendation = z.object({ noticeTime: z.iso.datetime() });

/** Notices of Amazon EC2: interruption of a spot instance, the end by an Auto Scaling group, and the recommendation to rebalance. */
export function awsNotices({ ask, wallNow }: SourceDeps): NoticeSource {
  let token: { readonly value: string; readonly since: number } | undefined;

  const renew = async (): Promise<string> => {
    if (token !== undefined && wallNow() - token.since < RENEW_SECONDS * 1_000) return token.value;
    const headers = { "X-aws-ec2-metadata-token-ttl-seconds": String(TOKEN_SECONDS) };
    const answer = await ask("/latest/api/token", { method: "PUT", headers });
    token = { value: bodyOf("the token of the metadata service", answer), since: wallNow() };
    return token.value;
  };

  const read = async (path: string): Promise<string | undefined> => {
    const answer = await ask(`/latest/meta-data/${path}`, { headers: { "X-aws-ec2-metadata-token": await renew() } });
    if (answer.status === 401) token = undefined;
    return optionalBody(path, answer);
  };

  return {
    async poll() {
      const notices: Notice[] = [];
      const spot = await read("spot/instance-action");
      if (spot !== undefined) {
        const { action: what, time } = action.parse(JSON.parse(spot));
        const text = `AWS will ${what} this spot instance at ${time}`;
        notices.push({ kind: "interruption", id: `spot ${time}`, endsAt: Date.parse(time), text });
      }
      if ((await read("autoscaling/target-lifecycle-state")) === "Terminated") {
        const text = "the Auto Scaling group of AWS will terminate this instance";
        notices.push({ kind: "scale_in", id: "autoscaling", endsAt: undefined, text });
      }
      const rebalance = await read("events/recommendations/rebalance");
      if (rebalance !== undefined) {
        const { noticeTime } = recommendation.parse(JSON.parse(rebalance));
        const text = `AWS recommends since ${noticeTime} to replace this spot instance`;
        notices.push({ kind: "rebalance", id: `rebalance ${noticeTime}`, endsAt: undefined, text });
      }
      return notices;
    },
  };
}
