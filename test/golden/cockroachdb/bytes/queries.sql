-- name: Image :one
SELECT image, length(image) AS size, encode(image, 'hex') AS hex, sha256(image) AS digest FROM site WHERE site_id = @site_id;

-- name: SetImage :execrows
UPDATE site SET image = @image WHERE site_id = @site_id AND image != b'\xff';
