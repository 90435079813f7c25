/*
 * Which asset a document is about: the rule that all formats share. An id that is
 * unique by itself is the key of its asset. Any other is unique only where its
 * product made it, so the provider, the account and the region come before it.
 */

-- Resource names of AWS, Azure, Google, Oracle, Alibaba and IBM, URLs and URNs name their account
-- or need none. The policies that AWS manages have the same ARN in all accounts, and localhost is
-- another host for each reader of a URL.
CREATE FUNCTION posture_internal.is_global_id(id text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN id ~* ('^(arn:|/(subscriptions|providers)/|//[^/]+/|https?://|urn:|ocid1[.]|acs:|crn:'
                  '|AWS::::Account:\d)')
       AND id !~* '^(arn:[^:]*:[^:]*:[^:]*:aws:|https?://(localhost|127[.]|\[::1\]))';
COMMENT ON FUNCTION posture_internal.is_global_id(text) IS
    'whether an id is unique by itself, whichever product, account and region it is from';

CREATE FUNCTION posture_internal.named_host(name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN name !~* ('^\s*((ip6-)?(localhost|loopback)([0-9]*|-live)([.].*)?'
                               '|127([.]\d+){3}|0[.]0[.]0[.]0|\[?(0*:)+0*1?\]?|[(]?(none|null|nil)[)]?|unknown'
                               '|undefined|n/a|-*)\s*$')
                THEN name END;
COMMENT ON FUNCTION posture_internal.named_host(text) IS
    'returns a name of a host; NULL if it is one that any host may have, such as localhost';

CREATE FUNCTION posture_internal.no_host_error(path text, name text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN format('%s "%s" names no host: give the host a name of its own, or report its MAC '
                  'address', path, left(name, 100));
COMMENT ON FUNCTION posture_internal.no_host_error(text, text) IS
    'error text for a host whose only name is one that any host may have';

-- Security Hub writes AwsS3Bucket in ASFF and AWS::S3::Bucket in OCSF, Prowler AWS Account. ASFF
-- has shorter names for a few services than CloudFormation.
CREATE FUNCTION posture_internal.resource_kind(type text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN nullif(lower(CASE WHEN type ~* '^aws::(elasticloadbalancing|stepfunctions)'
                             THEN replace(regexp_replace(regexp_replace(
                                 type, 'elasticloadbalancing', 'elb', 'i'),
                                 'stepfunctions', 'stepfunction', 'i'), '::', '')
                             WHEN type ~* '^aws[: ]' THEN translate(type, ': ', '')
                             ELSE replace(type, '::', '') END), '');
COMMENT ON FUNCTION posture_internal.resource_kind(text) IS
    'returns the kind of an asset for the type of a resource, one spelling for all products';

-- What has no region is said to be in region "global". Prowler writes lines of a file there, too.
CREATE FUNCTION posture_internal.asset_key(
    id text, kind text, provider text, account text, region text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE
        WHEN id ~ '^\d{12}$'
             AND (kind = 'awsaccount' OR (kind = 'account' AND provider = 'aws'))
        THEN 'arn:aws:iam::' || id || ':root'
        WHEN id IS NULL OR account IS NULL OR is_global_id(id) THEN id
        WHEN kind LIKE '%account' AND id = account THEN concat_ws('/', provider, account)
        ELSE concat_ws('/', provider, account,
                       CASE WHEN region ~ '^[[:alpha:]]' AND lower(region) <> 'global'
                            THEN region END, id) END;
COMMENT ON FUNCTION posture_internal.asset_key(text, text, text, text, text) IS
    'returns the key of the asset with an id of a product: the id if it is global or no account is '
    'known, otherwise provider/account/region/id; an account of AWS is the ARN of its root';

CREATE FUNCTION posture_internal.is_account_key(key text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN canonical_key(key, NULL) ~ '^arn:aws[a-z-]*:iam::[0-9]+:root$';
COMMENT ON FUNCTION posture_internal.is_account_key(text) IS
    'whether a key is that of an account of AWS, which is in no region';

-- The values of these tags tell whether an asset of an earlier version is this one.
CREATE FUNCTION posture_internal.former_asset(former_key text, key text, tags jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN former_key <> key THEN
        jsonb_build_object('former', jsonb_build_object('key', former_key, 'tags', (
            SELECT coalesce(jsonb_object_agg(t.tag, t.value), '{}')
            FROM jsonb_each(tags) t(tag, value)
            WHERE t.tag IN ('provider', 'account', 'platform', 'subscription',
                            'fqdn', 'host_name', 'mac')
               OR (t.tag = 'tenant' AND NOT tags ? 'account')
               OR (t.tag = 'region' AND strpos(key, '/' || (t.value #>> '{}') || '/') > 0))))
    ELSE '{}' END;
COMMENT ON FUNCTION posture_internal.former_asset(text, text, jsonb) IS
    'returns the field former of the object of an asset: the key that an earlier version gave it, '
    'and the tags that its asset has if it is the same; an empty object if its key is as it was';
