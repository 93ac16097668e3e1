-- The month partitions of the fact log that are missing: of p_months months from p_from on, and of every month that a row
-- of the default partition belongs to. Those rows move into their months, so the default is empty afterwards. Returns
-- how many partitions were made. It does all or nothing, and gives up when somebody keeps the fact log for a second:
-- whoever waits here lets everybody wait who comes after. Facts are found through the log itself only, whose policy
-- keeps merchants apart: the application's role may not touch a month directly.
CREATE OR REPLACE FUNCTION facts_make_months(p_from timestamptz, p_months integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET timezone = 'UTC' SET lock_timeout = '1s'
AS $$
DECLARE
  app boolean := EXISTS (SELECT FROM pg_roles WHERE rolname = 'huida_app');
  strays boolean;
  made integer := 0;
  wanted timestamptz[];
  month timestamptz;
  name text;
  low uuid;
  high uuid;
BEGIN
  IF p_months NOT BETWEEN 1 AND 60 THEN
    RAISE EXCEPTION 'between 1 and 60 months at a time, not %', p_months;
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('facts_make_months'));
  SELECT array_agg(date_trunc('month', p_from) + make_interval(months => n)) INTO wanted FROM generate_series(0, p_months - 1) AS n;
  IF NOT EXISTS (SELECT FROM facts_default)
    AND NOT EXISTS (SELECT FROM unnest(wanted) AS m WHERE to_regclass(to_char(m, '"facts_"FMYYYY_MM')) IS NULL) THEN
    RETURN 0;
  END IF;
  -- The log first, as everybody who writes: so nobody waits for us while we wait for them, and no row comes in between.
  LOCK TABLE facts IN ACCESS EXCLUSIVE MODE;
  strays := EXISTS (SELECT FROM facts_default);
  IF strays THEN
    ALTER TABLE facts DETACH PARTITION facts_default;
    wanted := wanted || ARRAY(SELECT DISTINCT date_trunc('month',
      to_timestamp(('x0000' || left(replace(id::text, '-', ''), 12))::bit(64)::bigint / 1000.0)) FROM facts_default);
  END IF;
  FOREACH month IN ARRAY wanted LOOP
    name := to_char(month, '"facts_"FMYYYY_MM');
    low := (lpad(to_hex((extract(epoch FROM month) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;
    high := (lpad(to_hex((extract(epoch FROM month + interval '1 month') * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;
    IF to_regclass(name) IS NULL THEN
      EXECUTE format('CREATE TABLE %I PARTITION OF facts FOR VALUES FROM (%L) TO (%L)', name, low, high);
      IF app THEN
        EXECUTE format('REVOKE ALL ON %I FROM huida_app', name);
      END IF;
      made := made + 1;
    END IF;
    IF strays THEN
      EXECUTE format(
        'WITH gone AS (DELETE FROM facts_default WHERE id >= %L AND id < %L '
        'RETURNING tenant_id, id, kind, subject_id, actor, at, payload) '
        'INSERT INTO %I (tenant_id, id, kind, subject_id, actor, at, payload) SELECT * FROM gone', low, high, name);
    END IF;
  END LOOP;
  IF strays THEN
    ALTER TABLE facts ATTACH PARTITION facts_default DEFAULT;
  END IF;
  RETURN made;
END
$$;
