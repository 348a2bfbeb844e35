module cnai.dev/tools/pause

go 1.26.0
