// The operations that a run of the reconciler needs, through the vendor's JavaScript SDK; prints what it saw as JSON.
import { B2BClient, Client } from "stytch";

const { env } = process;
const b2b = new B2BClient({ project_id: env.STYTCH_PROJECT_ID, secret: env.STYTCH_SECRET, env: env.STYTCH_API_URL });
const consumer = new Client({
  project_id: env.STYTCH_CONSUMER_PROJECT_ID,
  secret: env.STYTCH_CONSUMER_SECRET,
  env: env.STYTCH_API_URL,
});
const seen = {};

const { organization } = await b2b.organizations.create({
  organization_name: "Acme",
  organization_slug: "acme",
  trusted_metadata: { tier: "gold", old: 1 },
});
const { organization_id } = organization;
const updated = await b2b.organizations.update({ organization_id: "acme", trusted_metadata: { old: null } });
seen.metadata = updated.organization.trusted_metadata;
seen.got = (await b2b.organizations.get({ organization_id: "acme" })).organization.organization_id === organization_id;

const members = b2b.organizations.members;
const ann = await members.create({ organization_id, email_address: "Ann@acme.com", roles: ["stytch_admin"] });
seen.roles = ann.member.roles.map((role) => role.role_id);
const bea = await members.create({ organization_id, email_address: "bea@acme.com", external_id: "7" });
seen.name = (await members.update({ organization_id, member_id: "7", name: "Bea" })).member.name;
seen.found = (await members.get({ organization_id, email_address: "ann@acme.com" })).member_id === ann.member_id;
seen.refused = await members
  .create({ organization_id, email_address: "ANN@acme.com" })
  .then(() => null, (error) => [error.status_code, error.error_type]);

const pages = [];
for (let cursor; cursor !== null; ) {
  const page = await members.search({ organization_ids: [organization_id], limit: 1, cursor });
  pages.push(page.members.map((member) => member.email_address));
  cursor = page.results_metadata.next_cursor;
}
seen.pages = pages;
const searched = await b2b.organizations.search({ limit: 1000 });
seen.slugs = searched.organizations.map((each) => each.organization_slug);
await members.deleteExternalId({ organization_id, member_id: bea.member_id });
await members.delete({ organization_id, member_id: bea.member_id });
const query = { operator: "AND", operands: [{ filter_name: "statuses", filter_value: ["deleted"] }] };
seen.deleted = (await members.search({ organization_ids: [organization_id], query })).members.length;
const gone = await members.dangerouslyGet({ member_id: bea.member_id, include_deleted: true });
seen.status = gone.member.status;
seen.policy = (await b2b.rbac.policy({})).policy.roles.map((role) => role.role_id);
await b2b.organizations.delete({ organization_id });

const user = await consumer.users.create({ email: "ann@acme.com" });
await consumer.users.update({ user_id: user.user_id, name: { first_name: "Ann" } });
seen.user = (await consumer.users.get({ user_id: user.user_id })).name.first_name;
seen.users = 0;
for (const search = consumer.users.searchAll({ limit: 1 }); search.hasNext(); ) {
  seen.users += (await search.next()).length;
}
await consumer.users.delete({ user_id: user.user_id });

console.log(JSON.stringify(seen));
