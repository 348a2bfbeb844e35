module cnai.dev/tools/api-fence

go 1.26.0
