"""Proofs that the lists of findings say what was found and decided."""

# As in reconciling: claim, the rows it speaks of, and the ones that break it.
FINDING_PROOFS: tuple[tuple[str, str, str], ...] = (
    (
        "images counted on a finding are those seen now that have it",
        "SELECT count(*) FROM quota_findinggroup",
        """
        SELECT g.account_id, 'finding ' || g.id
        FROM quota_findinggroup g
        LEFT JOIN (
            SELECT f.account_id, f.group_id, count(DISTINCT f.image_id) AS images,
                   count(DISTINCT f.image_id) FILTER (WHERE f.state = 'open') AS opened
            FROM quota_finding f
            JOIN quota_image i ON i.account_id = f.account_id AND i.id = f.image_id
            WHERE i.is_local OR i.is_repository
            GROUP BY f.account_id, f.group_id
        ) c ON c.account_id = g.account_id AND c.group_id = g.id
        WHERE (g.images, g.open_images)
              <> (coalesce(c.images, 0), coalesce(c.opened, 0))
        """,
    ),
    (
        "a finding stands as the newest decision that covers its image says",
        "SELECT count(*) FROM quota_triage",
        """
        SELECT f.account_id, 'finding ' || f.group_id || ' of image ' || f.image_id
        FROM quota_finding f
        JOIN quota_findinggroup g ON g.account_id = f.account_id AND g.id = f.group_id
        WHERE (g.decided <> '' OR f.state <> 'open') AND f.state <> coalesce((
            SELECT t.state FROM quota_triage t
            WHERE t.account_id = f.account_id AND t.group_id = f.group_id
              AND (t.image_id IS NULL OR t.image_id = f.image_id)
            ORDER BY t.id DESC LIMIT 1
        ), 'open')
        """,
    ),
)
