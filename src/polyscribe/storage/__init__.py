"""What we remember: tables, one module per noun, and where blobs lie. Knows no rule of the business."""
