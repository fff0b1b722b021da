-- name: ClaimInstall :claim kind=it's-here
SELECT m.machine_id AS target, m.rack FROM machine AS m WHERE m.installed_at IS NULL LIMIT @wanted * 2;
