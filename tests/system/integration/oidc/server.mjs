/**
 * Runs oidc-provider on a free loopback port until its standard input closes, so that it never outlives its starter.
 *
 *   node server.mjs PACKAGES LOG ACCESS_TOKEN_SECONDS
 *
 * PACKAGES is the directory that holds node_modules, LOG the file that takes one JSON object a line: every presentation
 * of a code or a refresh token, and the end of every family of tokens. Values of tokens stand there as SHA-256 only.
 * The issuer is printed as the first line.
 */

import { createHash, randomBytes } from "node:crypto";
import { openSync, writeSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { Memory } from "./memory.mjs";

const [packages, logFile, accessTokenSeconds] = process.argv.slice(2);
const installed = createRequire(join(packages, "package.json")).resolve("oidc-provider");
const { Provider, errors } = await import(pathToFileURL(installed));

const DAY = 24 * 60 * 60;
const log = openSync(logFile, "a");
const fingerprint = (value) => (value ? createHash("sha256").update(value).digest("hex") : null);
const random = () => randomBytes(16).toString("hex");

/** Write synchronously: what a client has seen answered stands in the log. */
function write(event, fields) {
  writeSync(log, `${JSON.stringify({ event, at: Date.now() / 1000, ...fields })}\n`);
}

/** Tell how a client authenticated: with a secret the server itself takes both ways from every client. */
function method(ctx, params) {
  if (ctx.headers.authorization !== undefined) return "client_secret_basic";
  if (params.client_assertion !== undefined) return "private_key_jwt";
  return params.client_secret === undefined ? "none" : "client_secret_post";
}

function writeGrant(event, ctx, error) {
  const { params = {}, client, entities = {} } = ctx.oidc;
  write(event, {
    client: client?.clientId ?? params.client_id ?? null,
    method: method(ctx, params),
    account: entities.Account?.accountId ?? null,
    grant: entities.Grant?.jti ?? null,
    grant_type: params.grant_type ?? null,
    presented: fingerprint(params.refresh_token ?? params.code),
    issued: error ? null : fingerprint(ctx.body.refresh_token),
    error: error?.error ?? (error ? "server_error" : null),
    detail: error?.error_detail ?? error?.error_description ?? error?.message ?? null,
  });
}

const memory = new Memory((payload) => {
  if (payload) {
    memory.forget(payload.grantId);
    write("grant.revoked", { client: payload.clientId, grant: payload.grantId });
  }
  throw new errors.InvalidGrant("already used");
});

const configuration = {
  adapter: (model) => memory.adapter(model),
  claims: { openid: ["sub"], profile: ["name"] },
  clientAuthMethods: ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
  clockTolerance: 0,
  cookies: { keys: [random()] },
  expiresWithSession: () => false,
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    registration: {
      enabled: true,
      // RFC 6749 appendix A allows every visible character and the space, and section 2.3.1 wants them form-encoded in
      // Basic credentials: a client that skips that step is refused.
      idFactory: () => `client:${random()}`,
      secretFactory: () => `${random()} +%2B:/&="${random()}`,
    },
    revocation: { enabled: true },
    rpInitiatedLogout: { enabled: false },
    userinfo: { enabled: true },
  },
  findAccount: (ctx, accountId) => ({
    accountId,
    claims: () => ({ sub: accountId, name: `Account ${accountId}` }),
  }),
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  // Without openid nobody can ask for offline_access, and RFC 6749 knows neither.
  issueRefreshToken: (ctx, client) => client.grantTypeAllowed("refresh_token"),
  pkce: { required: () => true },
  rotateRefreshToken: true,
  scopes: ["openid", "offline_access", "profile", "orders.read", "orders.write"],
  ttl: {
    AccessToken: Number(accessTokenSeconds),
    AuthorizationCode: 60,
    ClientCredentials: Number(accessTokenSeconds),
    Grant: 365 * DAY,
    IdToken: Number(accessTokenSeconds),
    Interaction: 600,
    RefreshToken: 30 * DAY,
    Session: DAY,
  },
};

const server = createServer();
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const provider = new Provider(`http://127.0.0.1:${server.address().port}`, configuration);

provider.on("grant.success", (ctx) => writeGrant("grant.success", ctx));
provider.on("grant.error", (ctx, error) => writeGrant("grant.error", ctx, error));
provider.on("grant.revoked", (ctx, grantId) =>
  write("grant.revoked", { client: ctx.oidc.client?.clientId ?? null, grant: grantId }),
);
provider.on("server_error", (ctx, error) => {
  console.error(error);
  writeGrant("server_error", ctx, error);
});

/** The person at the browser: signs in as the account of login_hint and consents to everything; without one, declines. */
async function decide({ params }) {
  const accountId = params.login_hint;
  if (!accountId) return { error: "access_denied", error_description: "the account's owner declined" };
  const grant = new provider.Grant({ accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope ?? "");
  return { login: { accountId, remember: false }, consent: { grantId: await grant.save() } };
}

provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith("/interaction/")) return next();
  const decision = await decide(await provider.interactionDetails(ctx.req, ctx.res));
  ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, decision));
});

server.on("request", provider.callback());
process.stdin.on("end", () => process.exit(0)).resume();
console.log(provider.issuer);
