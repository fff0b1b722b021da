-- name: ClaimInstall :claim kind=install
-- Machines to install, of one rack.
SELECT machine_id AS target FROM machine WHERE rack = @rack AND installed_at IS NULL ORDER BY machine_id;
