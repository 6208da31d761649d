/** A program that connects to the relay at the URL it is given, closes, and must end by itself; for `exit.test.ts`. */
import { connect } from "../../relay/client/client.ts";

const [url = ""] = process.argv.slice(2);
const client = await connect(new URL(url), { trust: { kind: "system" }, timeoutMs: 10_000 });
await client.close();
console.log("closed");
